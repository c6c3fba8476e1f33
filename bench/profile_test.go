package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profile runs the engine once more and writes engine-cpu.pprof and
// engine-allocs.pprof to dir. lasts is how long a round takes: the CPU profile
// stops before that.
func (r *rig) profile(ctx context.Context, dir string, lasts time.Duration) error {
	seconds := max(1, int(lasts.Seconds()))
	_, err := r.runEngine(ctx, func(addr string) error {
		cpu := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, seconds)
		if err := download(ctx, cpu, filepath.Join(dir, "engine-cpu.pprof")); err != nil {
			return err
		}
		// This one is of all that was allocated since the start.
		return download(ctx, fmt.Sprintf("http://%s/debug/pprof/allocs", addr), filepath.Join(dir, "engine-allocs.pprof"))
	})
	return err
}

func download(ctx context.Context, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, res.Status, body)
	}
	return os.WriteFile(path, body, 0o644)
}
