package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// process is one that takes part in a round.
type process struct {
	name string // as in the figures
	pid  int

	cpu  time.Duration // used in the round
	peak int64         // bytes resident, in its whole life
}

// figures are what a round shows.
type figures struct {
	sends     int
	elapsed   time.Duration
	processes []process
	logged    string  // of the engine; in a good round nothing
	commits   float64 // of the engine
}

func (f figures) rate() float64 { return float64(f.sends) / f.elapsed.Seconds() }

// by returns the figures by their unit.
func (f figures) by() map[string]float64 {
	m := map[string]float64{"sends/s": f.rate()}
	if !measurable {
		return m
	}
	for _, p := range f.processes {
		m[p.name+"-µs/send"] = float64(p.cpu.Nanoseconds()) / 1e3 / float64(f.sends)
	}
	m["peak-RSS-MiB"] = float64(f.processes[0].peak) / (1 << 20)
	return m
}

func (f figures) String() string {
	s := fmt.Sprintf("%8.0f sends/s", f.rate())
	for _, p := range f.processes {
		s += fmt.Sprintf("  %s %.2f µs, %d MiB", p.name, float64(p.cpu.Nanoseconds())/1e3/float64(f.sends), p.peak>>20)
	}
	if f.logged != "" {
		first, _, _ := strings.Cut(f.logged, "\n")
		s += fmt.Sprintf("\n    it logged %d lines, such as %s", strings.Count(f.logged, "\n"), first)
	}
	return s
}

// meter reads what processes use from now on.
func meter(processes []process) (stop func() error, err error) {
	for i := range processes {
		if processes[i].cpu, err = cpuOf(processes[i].pid); err != nil {
			return nil, err
		}
	}
	return func() error {
		for i := range processes {
			p := &processes[i]
			used, err := cpuOf(p.pid)
			if err != nil {
				return err
			}
			p.cpu = used - p.cpu
			if p.peak, err = peakOf(p.pid); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func median[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2] // of an even number the upper one: a value that was seen
}

// report shows the medians of rounds.
func report(b *testing.B, rounds []figures) {
	values := map[string][]float64{}
	for _, f := range rounds {
		for unit, v := range f.by() {
			values[unit] = append(values[unit], v)
		}
	}
	for unit, all := range values {
		b.ReportMetric(median(all), unit)
	}
	b.ReportMetric(0, "ns/op") // says nothing here: hide it
}
