package engine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// plan is what happens in a scenario: the sends, and the faults. It is a
// function of the seed alone.
type plan struct {
	sends  []plannedSend
	faults []plannedFault
}

// plannedSend is a record that is produced at a time.
type plannedSend struct {
	at        time.Duration // from the beginning
	id        string
	recipient string
	bulk      bool
	misplaced bool // on another partition than the recipient's
	json      string
}

// plannedFault is a fault to come.
type plannedFault struct {
	at, lasts time.Duration
	kind      faultKind
	node      int // -1 where it strikes no node
	n         int // how often, or which one
}

type faultKind string

const (
	killed      faultKind = "kill"        // the process ends; its disk keeps all that was written
	crashed     faultKind = "crash"       // the machine ends; half of what was not synced is gone
	wiped       faultKind = "wipe"        // the process ends, and its disk is lost
	restarted   faultKind = "restart"     // a stop in good order
	zombie      faultKind = "zombie"      // no network for longer than the session, and providers still work
	cutOff      faultKind = "cut"         // no network for a shorter time
	reset       faultKind = "reset"       // all connections of a node are reset
	pluginDown  faultKind = "plugin"      // a node's plugins crash
	brokerDown  faultKind = "broker"      // a broker is unreachable
	leaders     faultKind = "leaders"     // partitions move to other brokers
	coordinator faultKind = "coordinator" // the group's and the transactions' coordinator moves
	lostCommit  faultKind = "lost-commit" // a commit is done, and its answer is an error
	lostWrite   faultKind = "lost-write"  // records are stored, and the answer is an error
	evicted     faultKind = "evicted"     // a heartbeat is told that its member is unknown
)

var allFaults = []faultKind{
	killed, crashed, wiped, restarted, zombie, cutOff, reset, pluginDown,
	brokerDown, leaders, coordinator, lostCommit, lostWrite, evicted,
}

// ofNode says whether a kind strikes one node, which is then left alone until
// it is over.
func (k faultKind) ofNode() bool {
	return slices.Index(allFaults, k) < slices.Index(allFaults, brokerDown)
}

func (k faultKind) lasts(rng *rand.Rand) time.Duration {
	between := func(low, high time.Duration) time.Duration { return low + time.Duration(rng.Int64N(int64(high-low))) }
	switch k {
	case killed, crashed, wiped, restarted:
		return between(0, 2*session)
	case zombie:
		return between(session*6/5, session*3)
	case cutOff:
		return between(100*time.Millisecond, session*4/5)
	case pluginDown:
		return between(0, 10*time.Second)
	case brokerDown:
		return between(100*time.Millisecond, 2*session)
	default:
		return 0
	}
}

// makePlan plans some sends, and faults of the given channelKinds.
func makePlan(seed uint64, kinds []faultKind) plan {
	return plan{sends: planSends(dice(seed, "sends")), faults: planFaults(dice(seed, "faults"), kinds)}
}

func planFaults(rng *rand.Rand, kinds []faultKind) []plannedFault {
	const gap = 12 * time.Second
	busy := make([]time.Duration, nodes+1)
	var all []plannedFault
	var bag []faultKind
	for at := gap; at < span && len(kinds) > 0; at += time.Duration(rng.ExpFloat64() * float64(gap)) {
		if len(bag) == 0 { // every kind comes once before any comes again
			bag = slices.Clone(kinds)
			rng.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		f := plannedFault{at: at, kind: bag[0], node: -1, lasts: bag[0].lasts(rng), n: rng.IntN(8)}
		slot := nodes
		if f.kind.ofNode() {
			f.node = rng.IntN(nodes)
			slot = f.node
		}
		if busy[slot] > at {
			continue
		}
		bag = bag[1:]
		busy[slot] = at + f.lasts + time.Second
		all = append(all, f)
	}
	return all
}

func planSends(rng *rand.Rand) []plannedSend {
	var all []plannedSend
	at := time.Duration(0)
	for n := 0; at < span; n++ {
		at += time.Duration(rng.ExpFloat64() * float64(span/sends))
		if rng.IntN(100) == 0 { // a burst
			for range 40 {
				all = append(all, planSend(rng, at, len(all)))
			}
		}
		s := planSend(rng, at, len(all))
		all = append(all, s)
		if rng.IntN(20) == 0 {
			s.at += time.Duration(rng.Int64N(int64(time.Minute)))
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b plannedSend) int { return int(a.at - b.at) })
	return all
}

func planSend(rng *rand.Rand, at time.Duration, n int) plannedSend {
	s := plannedSend{
		at: at, id: fmt.Sprintf("m%d", n), recipient: fmt.Sprintf("u%d", rng.IntN(40)),
		bulk: rng.IntN(3) == 0, misplaced: rng.IntN(25) == 0,
	}
	m := map[string]any{
		"id": s.id, "app": "shop", "to": map[string]any{"id": s.recipient}, "channels": []string{channelKinds[rng.IntN(len(channelKinds))].name},
		"content": map[string]any{"body": "hello"},
	}
	switch n % 6 { // not by rng: a seed keeps its sends
	case 0:
		m["campaign"] = canceledCampaign
	case 1:
		m["campaign"] = pausedCampaign
	}
	due := at
	if rng.IntN(10) == 0 {
		due += time.Duration(rng.Int64N(int64(90 * time.Second)))
		m["sendAt"] = stamp(due)
	}
	if rng.IntN(8) == 0 {
		m["expiresAt"] = stamp(due + time.Second + time.Duration(rng.Int64N(int64(30*time.Second))))
	}
	if rng.IntN(4) == 0 {
		m["orderingKey"] = fmt.Sprintf("k%d", rng.IntN(3))
	}
	text, _ := json.Marshal(m) // of strings: can't fail
	s.json = string(text)
	return s
}

// epoch is when time begins in a bubble of testing/synctest.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func stamp(d time.Duration) string { return epoch.Add(d).Format(time.RFC3339Nano) }
