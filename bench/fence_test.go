package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkFence is what the reservation costs: the engine as it is and one
// that reserves so far ahead that hardly ever a commit is made for it, in turn.
// ratio is the rate with the fence as a share of that without, the median of
// all rounds. sends/commit counts all commits, those of the interval too.
func BenchmarkFence(b *testing.B) {
	dir, err := os.MkdirTemp("", "carillon-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	on, off, err := runFence(context.Background(), dir, *sends, *rounds)
	if err != nil {
		b.Fatal(err)
	}
	var ratios, cpu []float64
	for i := range on {
		ratios = append(ratios, on[i].rate()/off[i].rate())
		cpu = append(cpu, float64(on[i].processes[0].cpu)/float64(off[i].processes[0].cpu))
		b.Logf("round %d\n  with      %v, %.0f commits\n  without   %v, %.0f commits", i+1, on[i], on[i].commits, off[i], off[i].commits)
	}
	report(b, on)
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "ratio-min")
	b.ReportMetric(slices.Max(ratios), "ratio-max")
	b.ReportMetric(median(cpu), "cpu-ratio")
	b.ReportMetric(float64(on[0].sends)/on[0].commits, "sends/commit")
}

// The fence's benchmark does what it measures.
func TestFenceSmoke(t *testing.T) {
	on, off, err := runFence(t.Context(), t.TempDir(), 5000, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(on, off)
	if on[0].commits == 0 || off[0].commits == 0 {
		t.Errorf("%v and %v commits", on[0].commits, off[0].commits)
	}
}

func runFence(ctx context.Context, dir string, sends, rounds int) (on, off []figures, err error) {
	r, err := newRig(ctx, dir, sends)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	with := func(reserve int, to *[]figures) func() error {
		return func() error {
			r.reserve = reserve
			f, err := r.runEngine(ctx, alone)
			*to = append(*to, f)
			return err
		}
	}
	steps := []func() error{with(0, &on), with(1<<20, &off)}
	for range rounds {
		for _, step := range steps {
			if err := step(); err != nil {
				return nil, nil, err
			}
		}
		slices.Reverse(steps)
	}
	return on, off, nil
}

// readMetric returns the sum of a metric's samples on an engine's port.
func readMetric(addr, name string) (sum float64, err error) {
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok && strings.IndexAny(rest, " {") == 0 {
			v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:len(rest)-1], 64)
			if err != nil {
				return 0, err
			}
			sum, found = sum+v, true
		}
	}
	if !found {
		return 0, fmt.Errorf("the engine has no metric %s", name)
	}
	return sum, nil
}
