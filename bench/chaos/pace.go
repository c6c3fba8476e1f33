package chaos

import (
	"slices"
	"time"
)

// recovery returns how long after the fault's begin the last shard had an
// outcome for a record that was accepted after it; 0 where one never had.
func recovery(f Fault, outcomes []outcome) time.Duration {
	first := map[int32]time.Time{}
	shards := map[int32]bool{}
	for _, o := range outcomes {
		shards[o.shard] = true
		if o.taken.Before(f.Begin) {
			continue
		}
		if at, ok := first[o.shard]; !ok || o.seen.Before(at) {
			first[o.shard] = o.seen
		}
	}
	if len(first) < len(shards) {
		return 0
	}
	last := f.Begin
	for _, at := range first {
		last = slices.MaxFunc([]time.Time{last, at}, time.Time.Compare)
	}
	return last.Sub(f.Begin)
}

// window is a stretch of time, and by how many attempts it has too many.
type window struct {
	over     float64
	from, to time.Time
}

// silence returns the longest time without an outcome.
func silence(outcomes []outcome) (longest window) {
	for i := 1; i < len(outcomes); i++ {
		before, after := outcomes[i-1].seen, outcomes[i].seen
		if after.Sub(before) > longest.to.Sub(longest.from) {
			longest = window{from: before, to: after}
		}
	}
	return longest
}

// begun returns when the engine began each attempt of the main account, in order.
func (e evidence) begun() (all []time.Time) {
	for _, a := range e.attempts {
		if a.channel == mainChannel {
			all = append(all, a.began)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// unfrozen returns when each attempt came to its plugin, in order, but for those
// that came while that was frozen, and that it got at all at once.
func (e evidence) unfrozen() (all []time.Time) {
	for _, a := range e.attempts {
		if a.channel == mainChannel && !slices.ContainsFunc(e.faults, func(f Fault) bool {
			return f.Kind == PluginStop && f.Node == a.node && !a.at.Before(f.End) && !a.began.After(f.End)
		}) {
			all = append(all, a.at)
		}
	}
	return all
}

// overshoot returns the window, of any length, in which attempts exceed
// rate·length + burst by the most; their times are in order.
func overshoot(attempts []time.Time, rate, burst float64) window {
	var worst window
	least, from := 0.0, 0
	for i, at := range attempts {
		// Attempts i to j take t seconds: j-i+1 - rate·t is the difference of
		// a function of j and one of i.
		level := float64(i) - rate*at.Sub(attempts[0]).Seconds()
		if level < least {
			least, from = level, i
		}
		if over := level + 1 - least - burst; over > worst.over {
			worst = window{over, attempts[from], at}
		}
	}
	return worst
}
