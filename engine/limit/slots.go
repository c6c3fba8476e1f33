package limit

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// Slots is a limiter for rates that are too small to split. What all nodes may send
// together is a row of slots, one for each send, as far apart as the rate says; each
// belongs to a shard in turn, and who owns the shard uses it. So no two nodes use
// one, nobody has to ask anybody, and sends are as far apart as if one node made all
// of them. It goes by the clock of the wall: by how much those of two nodes differ,
// their slots do. It is not safe for concurrent use.
type Slots struct {
	interval time.Duration
	late     time.Duration // how late a slot may be used
	own      []bool        // by shard; not ours
	step     int64         // from the shard of a slot to that of the next
	offset   int64         // so that values of one rate do not go at once
	used     int64         // this slot, and all before it, are gone
}

// lately is how late a slot can always be used, unless the next one has begun.
const lately = 20 * time.Millisecond

// NewSlots makes the limiter of one value, which hash is of. A slot can be used for
// a quarter of the time to the next one, and so that a burst of so many may go at
// once as much longer; those before now are gone. own says of each shard whether the node owns it, and must not change.
func NewSlots(perSecond float64, burst int, hash uint64, own []bool, now time.Time) *Slots {
	s := &Slots{interval: time.Duration(float64(time.Second) / perSecond), own: own, step: stride(int64(len(own)))}
	s.late = max(s.interval/4, min(s.interval, lately)) + s.interval*time.Duration(max(burst, 1)-1)
	s.offset = int64(hash % uint64(len(own)))
	s.Empty(now)
	return s
}

// Own changes which shards are the node's.
func (s *Slots) Own(own []bool) { s.own = own }

// Empty gives up the slots that have begun.
func (s *Slots) Empty(now time.Time) { s.used = max(s.used, now.UnixNano()/int64(s.interval)) }

// At returns when a send may go with n others before it, now or later.
func (s *Slots) At(now time.Time, n int) time.Time {
	slot, ok := s.nth(now, n)
	if !ok {
		return now.Add(time.Hour)
	}
	if start := time.Duration(slot*int64(s.interval) - now.UnixNano()); start > 0 {
		return now.Add(start)
	}
	return now
}

// Use takes the next slot of the node's.
func (s *Slots) Use(now time.Time) {
	if slot, ok := s.nth(now, 0); ok {
		s.used = slot
	}
}

// WaitedAt is At for a send that has to pass other limits as well: the node's last
// slot is kept for it until the next one begins. Slots of two rates that are as far
// apart as one is a part of the other may never be open at one time.
func (s *Slots) WaitedAt(now time.Time) time.Time {
	if _, ok := s.last(now); ok {
		return now
	}
	return s.At(now, 0)
}

// UseLast takes the slot that WaitedAt has found.
func (s *Slots) UseLast(now time.Time) {
	if slot, ok := s.last(now); ok {
		s.used = slot
	}
}

// last returns the node's last slot that has begun; false where it is gone.
func (s *Slots) last(now time.Time) (slot int64, ok bool) {
	shards := int64(len(s.own))
	slot = now.UnixNano() / int64(s.interval)
	for tries := shards; tries > 0 && slot > s.used; tries-- {
		if s.mine(slot) {
			return slot, true
		}
		slot--
	}
	return 0, false
}

func (s *Slots) mine(slot int64) bool {
	return s.own[(slot*s.step+s.offset)%int64(len(s.own))] || fault.Mutant(fault.SlotsOfAll)
}

// Interval is the mean time between two slots of the node's.
func (s *Slots) Interval() time.Duration {
	mine := 0
	for _, own := range s.own {
		if own {
			mine++
		}
	}
	return s.interval * time.Duration(len(s.own)) / time.Duration(max(1, mine))
}

// Idle says whether a new one would do as well.
func (s *Slots) Idle(now time.Time) bool {
	return now.UnixNano() > (s.used+1)*int64(s.interval)+int64(s.late)
}

// nth returns the slot of the node's that has n others of its before it, from those
// on that can still be used; false where the node has none.
func (s *Slots) nth(now time.Time, n int) (slot int64, ok bool) {
	shards := int64(len(s.own))
	slot = max(s.used, (now.UnixNano()-int64(s.late))/int64(s.interval))
	for tries := int64(n+1) * shards; tries > 0; tries-- {
		slot++
		if s.mine(slot) {
			if n--; n < 0 {
				return slot, true
			}
		}
	}
	return 0, false
}

// stride is how far the shards of two slots in a row are apart: about the golden
// section of them, so that a node's slots are spread whichever shards it owns, and
// without a divisor that both have, so that each shard has its turn.
func stride(shards int64) int64 {
	step := max(1, shards*618/1000)
	for a, b := step, shards; ; {
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return step
		}
		step++
		a, b = step, shards
	}
}
