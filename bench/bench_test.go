package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestBenchSmoke runs one small round of each: only that they do what the
// benchmarks measure, not how fast.
func TestBenchSmoke(t *testing.T) {
	m, err := run(t.Context(), t.TempDir(), 5000, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(m)
}

// BenchmarkWholePath is the engine: sends in Kafka, through a plugin, to
// outcomes in Kafka. ratio is its rate as a share of BenchmarkReaderWriter's in
// the same round, the median of all; ratio-min and ratio-max are the spread.
func BenchmarkWholePath(b *testing.B) {
	m, err := measured()
	if err != nil {
		b.Fatal(err)
	}
	b.Log(m)
	report(b, m.engine)
	ratios := m.ratios()
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "ratio-min")
	b.ReportMetric(slices.Max(ratios), "ratio-max")
}

// BenchmarkReaderWriter is the yardstick, in the same rounds.
func BenchmarkReaderWriter(b *testing.B) {
	m, err := measured()
	if err != nil {
		b.Fatal(err)
	}
	report(b, m.copy)
}

// measured runs all rounds, once: both benchmarks report of the same run.
var measured = sync.OnceValues(func() (measurement, error) {
	dir, err := os.MkdirTemp("", "carillon-bench-")
	if err != nil {
		return measurement{}, err
	}
	defer os.RemoveAll(dir)
	return run(context.Background(), dir, *sends, *rounds, *profiles)
})

// measurement is what the rounds showed, the nth of both about the same time.
type measurement struct {
	broker       string
	engine, copy []figures
}

// run runs the engine and the yardstick in turn, each as often, and who goes
// first changes: what is slow for a while is slow for both.
func run(ctx context.Context, dir string, sends, rounds int, profiles string) (m measurement, err error) {
	r, err := newRig(ctx, dir, sends)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	m.broker = r.broker.Name()
	steps := []func() error{
		func() error { f, err := r.runEngine(ctx, alone); m.engine = append(m.engine, f); return err },
		func() error { f, err := r.runCopy(ctx); m.copy = append(m.copy, f); return err },
	}
	for range rounds {
		for _, step := range steps {
			if err := step(); err != nil {
				return m, err
			}
		}
		slices.Reverse(steps)
	}
	if profiles == "" {
		return m, nil
	}
	var lasted []time.Duration
	for _, f := range m.engine {
		lasted = append(lasted, f.elapsed)
	}
	return m, r.profile(ctx, profiles, slices.Min(lasted))
}

func (m measurement) ratios() []float64 {
	all := make([]float64, len(m.engine))
	for i := range all {
		all[i] = m.engine[i].rate() / m.copy[i].rate()
	}
	return all
}

func (m measurement) String() string {
	s := m.broker
	for i, ratio := range m.ratios() {
		s += fmt.Sprintf("\nround %d, ratio %.3f\n  engine     %v\n  yardstick  %v", i+1, ratio, m.engine[i], m.copy[i])
	}
	return s
}

// alone is for runEngine: nothing runs beside it.
func alone(string) error { return nil }
