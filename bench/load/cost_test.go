package load

import (
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// A provider is busy by the CPU of the time in which that was used: where a pass
// is so short that it counts from the launch, by that time too.
func TestSinkBusy(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, c := range []struct {
		name       string
		nodes      int
		elapsed    time.Duration
		cpu        rig.Use
		fromLaunch time.Duration // 0: it began when the nodes were ready
		want       int
	}{
		{"half a core", 1, ms(2000), rig.Use{CPU: ms(1000), Before: ms(100)}, 0, 0},
		{"a whole core", 1, ms(2000), rig.Use{CPU: ms(1900), Before: ms(100)}, 0, 1},
		{"a core, shared by two nodes' sinks", 2, ms(2000), rig.Use{CPU: ms(1900)}, 0, 0},
		{"ten milliseconds measured of half a second", 1, ms(10), rig.Use{CPU: ms(10), Before: ms(130)}, ms(500), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &passed{nodes: c.nodes, Measured: &rig.Measured{Elapsed: c.elapsed, Roles: map[string]rig.Use{"plugin": c.cpu}}}
			if c.fromLaunch > 0 {
				p.fromLaunch(said{ended: 1000}, c.fromLaunch)
			}
			r := &report.Result{}
			if sinkBusy(r, []*passed{p}); len(r.Remarks) != c.want {
				t.Errorf("%q, want %d remarks", r.Remarks, c.want)
			}
		})
	}
}
