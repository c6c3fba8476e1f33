package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"
)

// Handle serves one more path on the operator's HTTP port, as dev mode does
// with its inbox. It must be called before Run; the engine's own paths stay.
func (e *Engine) Handle(path string, page fasthttp.RequestHandler) { e.pages[path] = page }

// serve starts the operator's HTTP port.
func (e *Engine) serve() (*fasthttp.Server, error) {
	listener, err := net.Listen("tcp", e.cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w; free the port or set http.listen", err)
	}
	metrics := fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(e.reg, promhttp.HandlerOpts{}))
	server := &fasthttp.Server{
		Name:               "carillon",
		MaxRequestBodySize: 64 << 10,
		ReadTimeout:        httpRead,
		IdleTimeout:        httpIdle,
		Handler: func(ctx *fasthttp.RequestCtx) {
			switch path := string(ctx.Path()); {
			case path == "/metrics":
				metrics(ctx)
			case path == "/healthz":
				ctx.SetBodyString("ok\n")
			case path == "/readyz":
				e.readyz(ctx)
			case (path == "/debug/pprof" || strings.HasPrefix(path, profilesPath)) && e.cfg.HTTP.PprofOn():
				profiles(ctx)
			case e.pages[path] != nil:
				e.pages[path](ctx)
			default:
				ctx.Error("not found; see /metrics, /healthz, /readyz\n", fasthttp.StatusNotFound)
			}
		},
	}
	go func() {
		if err := server.Serve(listener); err != nil {
			e.log.Error().Err(err).Msg("HTTP server ended")
		}
	}()
	return server, nil
}

const (
	httpRead  = 10 * time.Second // of a request, from the connection on
	httpIdle  = 2 * time.Minute  // more than between two looks of a monitor
	httpGrace = time.Second
)

// endHTTP answers what has been asked and ends the server. It waits for nobody
// who is connected and asks nothing: fasthttp would, for ever.
func endHTTP(s *fasthttp.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), httpGrace)
	defer cancel()
	if err := s.ShutdownWithContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

const profilesPath = "/debug/pprof/"

var profilesIndex = fasthttpadaptor.NewFastHTTPHandlerFunc(pprof.Index)

// profiles serves Go's profiles. The index is at the path with the slash, as
// its links are relative to it; pprofhandler alone has it at the other one.
func profiles(ctx *fasthttp.RequestCtx) {
	switch string(ctx.Path()) {
	case strings.TrimSuffix(profilesPath, "/"):
		ctx.Redirect(profilesPath, fasthttp.StatusMovedPermanently)
	case profilesPath:
		profilesIndex(ctx)
	default:
		pprofhandler.PprofHandler(ctx)
	}
}

// faults returns what keeps the node from being ready, a sentence each.
func (e *Engine) faults() []string {
	for name, p := range e.plugins {
		st := p.State()
		var fault error
		if !st.Up {
			fault = fmt.Errorf("the plugin is not up: %s", st.LastError)
		}
		e.health.set("channel "+name, fault)
	}
	return e.health.report()
}

// readyz answers 200 when the node owns shards and nothing is wrong, else 503
// with what is.
func (e *Engine) readyz(ctx *fasthttp.RequestCtx) {
	faults := e.faults()
	if len(faults) > 0 {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	}
	ctx.SetContentType("application/json")
	body, _ := json.Marshal(map[string]any{"ready": len(faults) == 0, "faults": faults}) // of strings: can't fail
	ctx.SetBody(append(body, '\n'))
}
