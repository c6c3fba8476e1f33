package lane

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// BenchmarkLimits is a push and a pop, of runs of 100, of a thousand apps with ten
// campaigns each: without limits, with limits that are not reached, and while half of
// the campaigns, which go on waiting, have reached theirs.
func BenchmarkLimits(b *testing.B) {
	const campaigns = 10_000
	for _, c := range []struct {
		name          string
		app, campaign float64
		reached       int // campaigns
	}{
		{"none", 0, 0, 0},
		{"campaign", 0, 1e6, 0},
		{"app+campaign", 1e6, 1e6, 0},
		{"app+campaign/5000 reached", 1e6, 1e6, campaigns / 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := time.Now()
			var l Limits
			l.Each[limit.App], l.Each[limit.Campaign] = Rate{c.app, 1000}, Rate{c.campaign, 1000}
			g := newGates(l, now.Add(-time.Hour))
			s := &standing{}
			for i := range c.reached {
				a := of(fmt.Sprintf("tenant-%d/campaign-%d", i%1000, i), 2)
				g.shut(limit.Campaign, a[0], now.Add(time.Second), now)
				s.Push(a[0])
			}
			for s.Queue.Len() > 0 {
				if s.next(&g, now) != nil {
					b.Fatal("what has reached its limit goes")
				}
			}
			var free []*Attempt
			for i := range campaigns / 2 {
				free = append(free, of(fmt.Sprintf("tenant-%d/campaign-%d", i%1000, campaigns/2+i), 1)...)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n, at := 0, 0; n < b.N; n, at = n+100, (at+100)%len(free) {
				for _, a := range free[at : at+100] {
					s.Push(a)
				}
				for range 100 {
					if s.next(&g, now) == nil {
						now = now.Add(time.Millisecond) // all that have rates are as fast as this
						if s.next(&g, now) == nil {
							b.Fatal("a limit that is not reached keeps some")
						}
					}
				}
				if now = now.Add(100 * time.Microsecond); c.reached > 0 && n%100_000 == 0 {
					for one := range s.asides {
						one.until = now.Add(time.Second) // those go on waiting
					}
				}
			}
		})
	}
}
