package shard

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
)

// What is parked comes back in turns as well: the lines and the lanes are fair
// between the tenants that they hold, and would hold one alone if rows came by their
// age. A tenant is an app. Each part of a queue is one tenant's, and in it those that
// have been due the longest are the first.

// tenantOf says in whose part of a queue a row stands. What is paused has one part:
// it comes back by its own queue once it is not.
func tenantOf(queue, app string) string {
	if queue == openQueue || isPaused(queue) {
		return ""
	}
	return app
}

func spotOf(queue, app string, due int64) ledger.Spot {
	return ledger.Spot{Queue: queue, Tenant: tenantOf(queue, app), Due: due}
}

// loading is what a line has of parked sends, waiting or in its lane.
type loading struct {
	loaded int
	of     map[string]int // by tenant
}

func (l *loading) count(it *item, by int) {
	if l.of == nil {
		l.of = map[string]int{}
	}
	l.loaded += by
	if l.of[it.Send.App] += by; l.of[it.Send.App] == 0 {
		delete(l.of, it.Send.App)
	}
}

// spreadEvery is how often a line looks at what it has in its lane, unless twice as
// many apps wait as at the last time: that goes through all that waits there.
const spreadEvery = 500 * time.Millisecond

// spread takes back what an app has in a full lane and far above its share, while
// others wait in the line: places become free only as fast as attempts begin, and
// those few would be all that the others have in the lane.
func (s *Shard) spread(l *line, now time.Time) {
	apps := l.waiting.Apps()
	if apps < 2 || l.inLane <= s.cfg.Quota/2 || s.cfg.Policies[l.channel()].Hold {
		return
	}
	if apps < 2*l.spreadBy && now.Sub(l.spreadAt) < spreadEvery {
		return
	}
	l.spreadAt, l.spreadBy = now, apps
	most := 2 * shareOf(s.cfg.Quota, apps)
	has := map[string]int{}
	l.way.Recall(s, func(a *lane.Attempt) bool {
		if a.Bulk != l.bulk {
			return false
		}
		has[a.Send.App]++
		return has[a.Send.App] > most
	})
}

// claim is what a tenant has in a queue and may be due.
type claim struct {
	tenant, queue string
	next          int64
}

// roomInShares returns how many rows a line has room for. What a tenant has above
// its share it had before others came, and will have for long, since it now gets no
// more than they: that takes no room from them, until all have twice as many.
func (s *Shard) roomInShares(l *line, queues []string, most int, now time.Time) int {
	room := most - l.loaded
	if room > most/4 {
		return room
	}
	tenants := 0
	for _, queue := range queues {
		s.env.Ledger.Tenants(queue, min(now.UnixMilli(), s.due), func(string, int64) { tenants++ })
	}
	share := shareOf(most, tenants)
	for _, n := range l.of {
		room += max(0, n-share)
	}
	return min(room, 2*most-l.loaded)
}

func shareOf(most, tenants int) int { return (most + tenants - 1) / max(1, tenants) }

// shareOut loads rows from the queues of one line, in turns by tenant: who has its
// share in memory already waits until it has less, and the next time the turn goes
// on behind the last one that got some.
func (s *Shard) shareOut(name string, queues []string, ms int64, room int) []*item {
	var claims []claim
	for _, queue := range queues {
		s.env.Ledger.Tenants(queue, ms, func(tenant string, next int64) {
			claims = append(claims, claim{tenant, queue, next})
		})
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(strings.Compare(a.tenant, b.tenant), cmp.Compare(a.next, b.next), strings.Compare(a.queue, b.queue))
	})
	tenants := 0
	for i := range claims {
		if i == 0 || claims[i].tenant != claims[i-1].tenant {
			tenants++
		}
	}
	var of map[string]int
	if l := s.lines[name]; l != nil {
		of = l.of
	}
	share := shareOf(max(1, s.cfg.Quota/2), tenants)
	turn, _ := slices.BinarySearchFunc(claims, s.served[name]+"\x00", func(c claim, t string) int { return strings.Compare(c.tenant, t) })
	var items []*item
	got := map[string]int{}
	for i := range claims {
		c := claims[(turn+i)%len(claims)]
		rows := s.dueRows(c.queue, c.tenant, ms, min(room-len(items), share-of[c.tenant]-got[c.tenant]))
		if len(rows) > 0 {
			got[c.tenant] += len(rows)
			s.served[name] = c.tenant
			items = append(items, rows...)
		}
	}
	return items
}
