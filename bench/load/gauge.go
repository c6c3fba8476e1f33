package load

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
)

// said is what the nodes of a round say of themselves, added up.
type said struct {
	ended, failed     float64 // sends; failed are those that ended otherwise than sent
	waiting, parked   float64
	commits           float64
	allocs, allocated float64 // objects and bytes, since the start
	ids               float64 // in the dedupe window
}

// listen reads what all nodes say.
func listen(ctx context.Context, nodes []*rig.Node) (said, error) {
	var all said
	for _, n := range nodes {
		m, err := n.Metrics(ctx)
		if err != nil {
			return all, err
		}
		ended := m.Sum("carillon_outcomes_total")
		all.ended += ended
		all.failed += ended - m.Sum("carillon_outcomes_total", `outcome="sent"`)
		all.waiting += m.Sum("carillon_lane_depth")
		all.parked += m.Sum("carillon_parked")
		all.commits += m.Sum("carillon_commits_total")
		all.ids += m.Sum("carillon_dedupe_ids")
		all.allocs += m.Sum("go_memstats_mallocs_total")
		all.allocated += m.Sum("go_memstats_alloc_bytes_total")
	}
	return all, nil
}

// listener remembers what the nodes said last, so that the gauges of one moment
// ask them once. It may be used concurrently.
type listener struct {
	ctx   context.Context
	nodes []*rig.Node

	mu   sync.Mutex
	at   time.Time
	last said
	err  error
}

// sampled is how often a run is sampled. To be asked so often costs a node less
// than a hundredth of a core.
const sampled = 250 * time.Millisecond

func (l *listener) latest() (said, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > sampled/2 {
		l.last, l.err = listen(l.ctx, l.nodes)
		l.at = time.Now()
	}
	return l.last, l.err
}

// gauges are those of every run. The rate is by written, which says how many
// status events there are.
func (l *listener) gauges(written func() (float64, error)) []rig.Gauge {
	of := func(name string, get func(said) float64) rig.Gauge {
		return rig.Gauge{Name: name, Unit: "sends", Group: "Waiting", Read: func() (float64, error) {
			s, err := l.latest()
			return get(s), err
		}}
	}
	return []rig.Gauge{
		{Name: "outcomes", Unit: "1/s", Group: "Throughput", Rate: true, Read: written},
		of("in lanes", func(s said) float64 { return s.waiting }),
		of("parked", func(s said) float64 { return s.parked }),
	}
}

// firstLine is what a node logged first, and how much there is: in a good run
// nothing.
func firstLine(text string) (line string, lines int) {
	line, _, _ = strings.Cut(text, "\n")
	return line, strings.Count(text, "\n")
}
