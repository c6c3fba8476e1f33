package lane

import (
	"iter"

	"github.com/zeebo/xxh3"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Queue is a queue of attempts in which apps take turns, within an app its
// campaigns, and a campaign's attempts go in the order they came: who has ten
// waits for no more than ten of each other, however many those have. A push and a
// pop take the same time whatever waits, and allocate nothing in the long run:
// an attempt is linked into its queue by a field of its own, so it can be in one
// at a time. The zero value is an empty queue. It is not for concurrent use.
type Queue struct {
	n         int
	turns     list[app, *app]
	apps      map[uint64]*app      // with something that waits, by hash
	campaigns map[uint64]*campaign // the same
	last      *campaign            // that was pushed to: most often it is the next one's too

	oldApps      spares[app, *app]
	oldCampaigns spares[campaign, *campaign]
}

// app has something waiting in at least one campaign. Its name is not kept, which
// would keep the record that it came in: two names with one hash would share
// their turns, and nothing else.
type app struct {
	hash  uint64
	turns list[campaign, *campaign]
	next  *app
}

// campaign is one of an app's that has something waiting; that of the attempts
// that have no campaign is one as well.
type campaign struct {
	hash    uint64
	waiting list[Attempt, *Attempt]
	next    *campaign
}

// Len returns how many attempts wait.
func (q *Queue) Len() int { return q.n }

// Apps returns of how many apps something waits.
func (q *Queue) Apps() int { return len(q.apps) }

// Push adds an attempt behind all of its campaign.
func (q *Queue) Push(a *Attempt) {
	q.n++
	q.campaign(a.Send).waiting.push(a)
}

// Pop takes out the attempt whose turn it is. There must be one.
func (q *Queue) Pop() *Attempt {
	app := q.turns.first
	c := app.turns.first
	a := c.waiting.pop()
	q.n--
	if c.waiting.first != nil {
		app.turns.rotate()
	} else {
		app.turns.pop()
		q.forget(c)
	}
	if app.turns.first != nil {
		q.turns.rotate()
	} else {
		q.turns.pop()
		q.forgetApp(app)
	}
	return a
}

// Remove takes out what matches, and returns it, each campaign's in order. All
// others keep their places. match must leave the queue alone.
func (q *Queue) Remove(match func(*Attempt) bool) []*Attempt {
	var out []*Attempt
	turns := q.turns
	q.turns = list[app, *app]{}
	for app := turns.pop(); app != nil; app = turns.pop() {
		campaigns := app.turns
		app.turns = list[campaign, *campaign]{}
		for c := campaigns.pop(); c != nil; c = campaigns.pop() {
			waiting := c.waiting
			c.waiting = list[Attempt, *Attempt]{}
			for a := waiting.pop(); a != nil; a = waiting.pop() {
				if match(a) {
					out = append(out, a)
				} else {
					c.waiting.push(a)
				}
			}
			if c.waiting.first != nil {
				app.turns.push(c)
			} else {
				q.forget(c)
			}
		}
		if app.turns.first != nil {
			q.turns.push(app)
		} else {
			q.forgetApp(app)
		}
	}
	q.n -= len(out)
	return out
}

// All yields what waits, each campaign's in order. The queue must not change
// meanwhile.
func (q *Queue) All() iter.Seq[*Attempt] {
	return func(yield func(*Attempt) bool) {
		for first := range q.Firsts() {
			for a := first; a != nil; a = a.next {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// Firsts yields the first of each campaign, which has waited the longest of it.
// The queue must not change meanwhile.
func (q *Queue) Firsts() iter.Seq[*Attempt] {
	return func(yield func(*Attempt) bool) {
		for app := q.turns.first; app != nil; app = app.next {
			for c := app.turns.first; c != nil; c = c.next {
				if !yield(c.waiting.first) {
					return
				}
			}
		}
	}
}

// campaign finds a send's campaign, or begins it.
func (q *Queue) campaign(s *carillonv1.Send) *campaign {
	of := xxh3.HashString(s.App)
	hash := xxh3.HashStringSeed(s.Campaign, of)
	if q.last != nil && q.last.hash == hash {
		return q.last
	}
	c := q.campaigns[hash]
	if c == nil {
		c = q.begin(of, hash)
	}
	q.last = c
	return c
}

// begin gives a campaign the last turn of its app, and an app that has none the
// last of all: what comes anew goes past nobody who waits.
func (q *Queue) begin(of, hash uint64) *campaign {
	if q.campaigns == nil {
		q.apps, q.campaigns = map[uint64]*app{}, map[uint64]*campaign{}
	}
	its := q.apps[of]
	if its == nil {
		its = q.oldApps.take()
		its.hash = of
		q.apps[of] = its
		q.turns.push(its)
	}
	c := q.oldCampaigns.take()
	c.hash = hash
	q.campaigns[hash] = c
	its.turns.push(c)
	return c
}

func (q *Queue) forget(c *campaign) {
	delete(q.campaigns, c.hash)
	if q.last == c {
		q.last = nil
	}
	q.oldCampaigns.add(c, len(q.campaigns))
}

func (q *Queue) forgetApp(a *app) {
	delete(q.apps, a.hash)
	q.oldApps.add(a, len(q.apps))
}
