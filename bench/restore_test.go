package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkRestore is how long a node takes from its start until it runs all
// shards, when they hold the ids of so many sends: from its own disk, and from
// Kafka alone, on a new one. All of a start is in it, some tenths of a second.
func BenchmarkRestore(b *testing.B) {
	dir, err := os.MkdirTemp("", "carillon-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r, err := runRestore(context.Background(), dir, *sends)
	if err != nil {
		b.Fatal(err)
	}
	b.Log(r)
	n := float64(*sends)
	b.ReportMetric(n/r.disk.Seconds(), "keys/s-disk")
	b.ReportMetric(n/r.kafka.Seconds(), "keys/s-kafka")
	b.ReportMetric(1e6/n*r.disk.Seconds(), "s/million-disk")
	b.ReportMetric(1e6/n*r.kafka.Seconds(), "s/million-kafka")
}

// Only that it does what it measures.
func TestRestoreSmoke(t *testing.T) {
	r, err := runRestore(t.Context(), t.TempDir(), 2000)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
}

// restored are times from a node's start until it is ready.
type restored struct{ disk, kafka time.Duration }

func (r restored) String() string {
	return fmt.Sprintf("ready after %v from its disk, %v from Kafka alone", r.disk, r.kafka)
}

func runRestore(ctx context.Context, dir string, sends int) (took restored, err error) {
	r, err := newRig(ctx, dir, sends)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if _, err := r.runEngine(ctx, alone); err != nil {
		return took, err
	}
	at := filepath.Join(r.dir, fmt.Sprintf("carillon-bench-%d", r.round))
	if took.disk, err = startup(at); err != nil {
		return took, err
	}
	if err := os.RemoveAll(filepath.Join(at, "data")); err != nil {
		return took, err
	}
	took.kafka, err = startup(at)
	return took, err
}

// startup starts the engine that is configured in a directory, and stops it as
// soon as it is ready.
func startup(dir string) (time.Duration, error) {
	began := time.Now()
	c, err := start(filepath.Join(dir, "again.log"), "engine", filepath.Join(dir, "carillon.yaml"))
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, c.stop()
}
