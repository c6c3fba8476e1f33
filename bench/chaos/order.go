package chaos

import (
	"cmp"
	"fmt"
	"slices"
)

// order looks at the first attempt of each send with an ordering key, whatever
// became of it: those of one recipient and key must have come to the provider in
// the order of their records. What was never attempted, or may not be in Kafka,
// is left out, and so is a send of which the first attempt was lost on its way:
// the provider can't tell when that was made.
func (v *verdict) order(e evidence, stories []*story) {
	first := map[string]int{} // place in the ledgers, by id
	for i, a := range e.attempts {
		if _, ok := first[a.id]; !ok {
			first[a.id] = i
		}
	}
	type line struct{ to, key, topic string }
	lines := map[line][]int{}
	for n, s := range e.sends {
		if s.orderingKey == "" || !s.accepted || len(stories[n].attempts) == 0 {
			continue
		}
		if stories[n].attempts[0].number > 1 {
			v.unseen++
			continue
		}
		l := line{s.to, s.orderingKey, s.topic}
		lines[l] = append(lines[l], n)
		v.ordered++
	}
	for l, numbers := range lines {
		slices.SortFunc(numbers, func(a, b int) int { return cmp.Compare(e.sends[a].place.offset, e.sends[b].place.offset) })
		last, ahead := -1, "" // the latest of the first attempts so far
		for _, n := range numbers {
			id := fmt.Sprintf("%s%d", e.run, n)
			at := first[id]
			if at > last {
				last, ahead = at, id
				continue
			}
			v.disordered = append(v.disordered, fmt.Sprintf("to %s, key %s: %s (%s at %s) went before %s (%s at %s)", l.to, l.key,
				id, e.attempts[at].node, e.attempts[at].at.UTC().Format("15:04:05.000"),
				ahead, e.attempts[last].node, e.attempts[last].at.UTC().Format("15:04:05.000")))
		}
	}
	slices.Sort(v.disordered)
}
