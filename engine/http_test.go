package engine

import (
	"testing"

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
