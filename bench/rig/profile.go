package rig

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Profile writes engine-cpu.pprof and engine-allocs.pprof to dir. lasts is how
// long the node's work takes from now on: the CPU profile stops before that. The
// other is of all that was allocated since its start.
func (n *Node) Profile(ctx context.Context, dir string, lasts time.Duration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of the profiles: %w", err)
	}
	for _, p := range []struct{ file, page string }{
		{"engine-cpu.pprof", fmt.Sprintf("profile?seconds=%d", max(1, int(lasts.Seconds())))}, // first: it begins now
		{"engine-allocs.pprof", "allocs"},
	} {
		body, err := n.pprof(ctx, p.page)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, p.file), body, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pprof gets a page below /debug/pprof/, which may take its time.
func (n *Node) pprof(ctx context.Context, page string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTP+"/debug/pprof/"+page, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", n.Name, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", res.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", n.Name, err)
	}
	return body, nil
}

// Collect has the node collect its garbage: what it has on its heap then, by its
// metrics, is in use.
func (n *Node) Collect(ctx context.Context) error {
	_, err := n.pprof(ctx, "heap?gc=1")
	return err
}
