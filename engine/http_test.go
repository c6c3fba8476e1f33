package engine

import (
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// The index of the profiles is where its relative links lead somewhere.
func TestProfiles(t *testing.T) {
	for path, want := range map[string]int{
		"/debug/pprof":               fasthttp.StatusMovedPermanently, // to the next one
		"/debug/pprof/":              fasthttp.StatusOK,
		"/debug/pprof/goroutine":     fasthttp.StatusOK, // a link of the index
		"/debug/pprof/cmdline":       fasthttp.StatusOK,
		"/debug/pprof/no-such-thing": fasthttp.StatusNotFound,
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("http://127.0.0.1:8080" + path)
		profiles(&ctx)
		if got := ctx.Response.StatusCode(); got != want || len(ctx.Response.Body()) == 0 && want == fasthttp.StatusOK {
			t.Errorf("%s: %d with %d bytes, want %d", path, got, len(ctx.Response.Body()), want)
		}
		if to := string(ctx.Response.Header.Peek("Location")); want == fasthttp.StatusMovedPermanently && to != "http://127.0.0.1:8080/debug/pprof/" {
			t.Errorf("%s leads to %s", path, to)
		}
	}
}

// Somebody who is connected and asks nothing does not keep the node from ending.
func TestEndHTTP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for server.GetOpenConnectionsCount() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := endHTTP(server); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
