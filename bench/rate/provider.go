package rate

import (
	"slices"
	"sync"
	"time"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// provider keeps what the simulator had.
type provider struct {
	mu      sync.Mutex
	all     []webhooksim.Request
	ids     map[string]bool // that were taken
	doubled int
}

func (p *provider) seen(r webhooksim.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, r)
	if r.Taken {
		if p.ids[r.ID] {
			p.doubled++
		}
		p.ids[r.ID] = true
	}
}

// counts are of the requests of a time, in all and by sender.
type counts struct {
	offered, taken int
	most           int // requests of a sender in any second
	least          int // that were taken of a sender
}

// between counts those from a time on, before another. senders is how many there
// are.
func (p *provider) between(from, to time.Time, senders int) counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	var c counts
	at, taken := map[string][]time.Time{}, map[string]int{}
	for _, r := range p.all {
		if r.At.Before(from) || !r.At.Before(to) {
			continue
		}
		c.offered++
		at[r.Path] = append(at[r.Path], r.At)
		if r.Taken {
			c.taken++
			taken[r.Path]++
		}
	}
	for path, all := range at {
		slices.SortFunc(all, time.Time.Compare)
		c.most = max(c.most, densest(all))
		if n := taken[path]; c.least == 0 || n < c.least {
			c.least = n
		}
	}
	if len(taken) < senders {
		c.least = 0
	}
	return c
}

// densest is the most of the times that are within one second.
func densest(all []time.Time) (most int) {
	for from, to := 0, 0; to < len(all); to++ {
		for all[to].Sub(all[from]) >= time.Second {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}
