package chaos

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
)

var zero = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

func reached(id, node string, seconds float64) attempt {
	return attempt{id: id, node: node, key: "key of " + id, sent: true, at: at(seconds), began: at(seconds), deadline: at(seconds).Add(deadline)}
}

func ended(id, state string, seconds float64) outcome {
	return outcome{id: id, event: id + state, state: state, seen: at(seconds), taken: at(seconds - 0.1)}
}

func fault(kind Kind, node string, begin, end float64) Fault {
	return Fault{Kind: kind, Node: node, Begin: at(begin), End: at(end), Clean: true}
}

func sum(numbers []int) (n int) {
	for _, each := range numbers {
		n += each
	}
	return n
}

// figures are what a case is about; the rest of the verdict has to be zero.
type figures struct {
	lost, doubled, withKeys, bound, unexplained, zombies, late, begun, many, repeats, duplicates, unknown int
}

// Each case is one send, or two, whose story is told by its three witnesses.
func TestCheck(t *testing.T) {
	kill := []Fault{fault(Kill, "a", 10, 12)}
	zombie := fault(Zombie, "a", 10, 20)
	zombie.Fenced, zombie.Again = at(20), at(21)
	cut := fault(Partition, "a", 10, 20)
	cut.Fenced, cut.Again = at(16), at(21)
	thaw := fault(PluginStop, "a", 10, 11)
	longer := fault(PluginStop, "a", 10, 16)
	held := reached("r-0", "a", 16.7)
	held.began, held.deadline = at(11), at(14)
	later := reached("r-0", "a", 16.7)
	early := ended("r-0", "sent", 10.1)
	early.written = at(9.95)
	forced := fault(Restart, "a", 10, 12)
	forced.Clean = false
	otherKey := reached("r-0", "b", 13)
	otherKey.key = "another"
	starved, afterwards, meanwhile := reached("r-0", "a", 3.9), reached("r-0", "a", 4.2), reached("r-0", "a", 4.2)
	starved.began, starved.deadline = at(1), at(4)
	afterwards.began, afterwards.deadline = at(4.1), at(7.1)
	meanwhile.began, meanwhile.deadline = at(3.8), at(6.8)
	again := ended("r-0", "sent", 2)
	unlike := ended("r-0", "sent", 2)
	unlike.event = "another"
	for _, c := range []struct {
		name     string
		attempts []attempt
		outcomes []outcome
		faults   []Fault
		want     figures
	}{
		{"sent once", []attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 1)}, nil, figures{}},
		{"no outcome", []attempt{reached("r-0", "a", 1)}, nil, nil, figures{lost: 1}},
		{"sent by its outcome alone", nil, []outcome{ended("r-0", "sent", 1)}, nil, figures{lost: 1}},
		{"failed, and so never sent", nil, []outcome{ended("r-0", "failed", 1)}, nil, figures{}},
		{"an attempt that sent nothing, then one that did",
			[]attempt{{id: "r-0", node: "a", at: at(1)}, reached("r-0", "a", 2)}, []outcome{ended("r-0", "sent", 2)}, nil, figures{}},
		{"doubled since its node was starved past its deadline",
			[]attempt{starved, afterwards}, []outcome{ended("r-0", "sent", 5)}, nil, figures{doubled: 1, bound: 1}},
		{"doubled before the deadline that it missed later",
			[]attempt{starved, meanwhile}, []outcome{ended("r-0", "sent", 5)}, nil, figures{doubled: 1, bound: 1, unexplained: 1}},
		{"doubled without a fault",
			[]attempt{reached("r-0", "a", 1), reached("r-0", "a", 2)}, []outcome{ended("r-0", "sent", 2)}, nil,
			figures{doubled: 1, unexplained: 1}},
		{"open at the kill, and sent again",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 15)}, kill,
			figures{doubled: 1, bound: 1}},
		{"open at the kill, and not sent again",
			[]attempt{reached("r-0", "a", 9.9)}, []outcome{ended("r-0", "unknown", 15)}, kill, figures{bound: 1}},
		{"settled before the kill, and sent again all the same",
			[]attempt{reached("r-0", "a", 9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 9.5)}, kill,
			figures{doubled: 1, unexplained: 1}},
		{"open on another node than the one that was killed",
			[]attempt{reached("r-0", "b", 9.9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 15)}, kill,
			figures{doubled: 1, unexplained: 1}},
		{"open anywhere when the broker was killed",
			[]attempt{reached("r-0", "b", 9.9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 15)},
			[]Fault{fault(Broker, "", 10, 12)}, figures{doubled: 1, bound: 1}},
		{"a clean restart excuses nothing",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 15)},
			[]Fault{fault(Restart, "a", 10, 12)}, figures{doubled: 1, unexplained: 1}},
		{"one that had to be forced does",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "b", 15)}, []outcome{ended("r-0", "sent", 15)},
			[]Fault{forced}, figures{doubled: 1, bound: 1}},
		{"a zombie sends after its heir",
			[]attempt{reached("r-0", "b", 17), reached("r-0", "a", 20.01)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{zombie}, figures{doubled: 1, zombies: 1, late: 1, begun: 1}},
		{"a zombie sends before its heir",
			[]attempt{reached("r-0", "a", 20.01), reached("r-0", "b", 21)}, []outcome{ended("r-0", "sent", 21)},
			[]Fault{zombie}, figures{doubled: 1, zombies: 1, late: 1, begun: 1}},
		{"a zombie that is a member again sends like any other",
			[]attempt{reached("r-0", "a", 21.01)}, []outcome{ended("r-0", "sent", 22)}, []Fault{zombie}, figures{}},
		{"a node that is cut off may send on while its session lasts",
			[]attempt{reached("r-0", "a", 15), reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{cut}, figures{doubled: 1, bound: 1}},
		{"what it began before may reach the provider after it",
			[]attempt{held, reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{cut}, figures{doubled: 1, bound: 1, late: 1}},
		{"and not after it",
			[]attempt{reached("r-0", "a", 16.1), reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{cut}, figures{doubled: 1, zombies: 1, late: 1, begun: 1}},
		{"open at a kill, and not yet taken up at the next one of the node",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "a", 19)}, []outcome{ended("r-0", "sent", 19)},
			[]Fault{fault(Kill, "a", 10, 12), fault(Kill, "a", 14, 16)}, figures{doubled: 1, bound: 1}},
		{"written before the kill, and seen after it: its heir finds it",
			[]attempt{reached("r-0", "a", 9.9)}, []outcome{early}, kill, figures{}},
		{"written before the broker was killed, and not acknowledged for sure",
			[]attempt{reached("r-0", "a", 9.9)}, []outcome{early}, []Fault{fault(Broker, "", 10, 12)}, figures{bound: 1}},
		{"tripled by one fault: an attempt in doubt is repeated once",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "b", 15), reached("r-0", "b", 16)},
			[]outcome{ended("r-0", "sent", 16)}, kill, figures{doubled: 2, bound: 1, unexplained: 1}},
		{"open at two faults at once: it may be repeated once",
			[]attempt{reached("r-0", "a", 9.9)}, []outcome{ended("r-0", "sent", 16)},
			[]Fault{fault(Kill, "a", 10, 12), fault(Broker, "", 11, 12)}, figures{bound: 1}},
		{"tripled by two faults, one after the other",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "b", 15), reached("r-0", "a", 22)},
			[]outcome{ended("r-0", "sent", 22)}, []Fault{fault(Kill, "a", 10, 12), fault(Kill, "b", 15.1, 16)}, figures{doubled: 2, bound: 2}},
		{"repeated before the fault that left it open",
			[]attempt{reached("r-0", "a", 9), reached("r-0", "a", 9.9)}, []outcome{ended("r-0", "sent", 16)}, kill,
			figures{doubled: 1, bound: 2, unexplained: 1}},
		{"a plugin that was stopped for less than its deadline loses no answer",
			[]attempt{reached("r-0", "a", 9.99), reached("r-0", "a", 13)}, []outcome{ended("r-0", "sent", 13.1)},
			[]Fault{thaw}, figures{doubled: 1, unexplained: 1}},
		{"for longer: what it had before may be lost",
			[]attempt{reached("r-0", "a", 9.99), reached("r-0", "a", 16.1)}, []outcome{ended("r-0", "sent", 16.2)},
			[]Fault{longer}, figures{doubled: 1, bound: 1}},
		{"it came to the plugin while that was stopped, and was too late when it ran again",
			[]attempt{held, reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{longer}, figures{doubled: 1, bound: 1}},
		{"it was made when the plugin ran again",
			[]attempt{later, reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{longer}, figures{doubled: 1, unexplained: 1}},
		{"made before the broker was killed, and held by a plugin that was stopped until after it was back",
			[]attempt{held, reached("r-0", "b", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{fault(Broker, "", 11.5, 12)}, figures{doubled: 1, bound: 1}},
		{"answered long before the plugin was stopped",
			[]attempt{reached("r-0", "a", 8.9), reached("r-0", "a", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{longer}, figures{doubled: 1, unexplained: 1}},
		{"answered long before the plugin was killed",
			[]attempt{reached("r-0", "a", 8.9), reached("r-0", "a", 17)}, []outcome{ended("r-0", "sent", 17.1)},
			[]Fault{fault(PluginKill, "a", 10, 10.1)}, figures{doubled: 1, unexplained: 1}},
		{"doubled under another key",
			[]attempt{reached("r-0", "a", 9.9), otherKey}, []outcome{ended("r-0", "sent", 14)}, kill,
			figures{doubled: 1, withKeys: 1, bound: 1}},
		{"one event twice, by a retry of the producer",
			[]attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 1), again}, nil, figures{repeats: 1}},
		{"two outcomes",
			[]attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 1), unlike}, nil, figures{many: 1}},
		{"a second record of the id",
			[]attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 1), ended("r-0", "duplicate", 2)}, nil,
			figures{duplicates: 1}},
		{"an id that nobody published",
			[]attempt{reached("r-0", "a", 1), reached("r-7", "a", 1), reached("else", "a", 1)},
			[]outcome{ended("r-0", "sent", 1)}, nil, figures{unknown: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := check(evidence{run: "r-", sends: []published{{accepted: true}}, attempts: c.attempts, outcomes: c.outcomes, faults: inOrder(c.faults)})
			got := figures{
				len(v.lost), v.doubled, v.doubledIdempotent, v.bound, len(v.unexplained), len(v.zombies), sum(v.late), sum(v.begun),
				len(v.manyOutcomes), v.repeats, v.duplicates, v.unknown,
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// What Kafka never acknowledged may be lost, and may be sent.
func TestCheckUnacknowledged(t *testing.T) {
	v := check(evidence{run: "r-", sends: []published{{failed: true}, {failed: true}},
		attempts: []attempt{reached("r-1", "a", 1)}, outcomes: []outcome{ended("r-1", "sent", 1)}})
	if len(v.lost) > 0 || v.unknown > 0 || v.accepted != 0 || v.unacknowledged != 2 {
		t.Errorf("%+v", v)
	}
}

func TestRecovery(t *testing.T) {
	f := fault(Kill, "a", 10, 12)
	on := func(shard int32, taken, seen float64) outcome {
		return outcome{shard: shard, taken: at(taken), seen: at(seen)}
	}
	for _, c := range []struct {
		name     string
		outcomes []outcome
		want     time.Duration
	}{
		{"the slowest shard counts", []outcome{on(0, 10.5, 11), on(1, 10.5, 16), on(1, 16, 16.1)}, 6 * time.Second},
		{"what was accepted before the fault does not", []outcome{on(0, 9, 11), on(0, 13, 14)}, 4 * time.Second},
		{"a shard that never came back", []outcome{on(0, 10.5, 11), on(1, 5, 6)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := recovery(f, c.outcomes); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestRecoveries(t *testing.T) {
	took := func(kind Kind, s float64) FaultReport { return FaultReport{Kind: kind, Recovery: &s} }
	got := recoveries([]FaultReport{took(Kill, 3), took(Kill, 9), took(Disk, 2), took(Kill, 4), {Kind: Kill}, {Kind: Zombie}})
	want := map[Kind]Recovery{Kill: {3, 4, 9}, Disk: {1, 2, 2}}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOvershoot(t *testing.T) {
	for _, c := range []struct {
		name string
		at   []float64
		want float64
	}{
		{"even", []float64{0, 0.1, 0.2, 0.3}, 0},
		{"the burst at once", []float64{0, 0, 0.2}, 0},
		{"one more than it", []float64{0, 0, 0, 0.5}, 1},
		{"after a rest: a bucket holds no more than its burst", []float64{0, 5, 5, 5, 5}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []time.Time
			for _, s := range c.at {
				all = append(all, at(s))
			}
			if got := overshoot(all, 10, 2).over; got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Two lines of a recipient's, and what each has to be compared with.
func TestOrder(t *testing.T) {
	first := func(numbers ...int) (all []attempt) {
		for i, n := range numbers {
			all = append(all, attempt{id: fmt.Sprint("r-", n), at: at(float64(i))})
		}
		return all
	}
	line := func(key string, offset int64) published {
		return published{accepted: true, to: "o1", orderingKey: key, topic: "sends", place: place{offset: offset}}
	}
	lost := published{failed: true, to: "o1", orderingKey: "k"}
	for _, c := range []struct {
		name     string
		sends    []published
		attempts []attempt
		ordered  int
		want     int
	}{
		{"in order", []published{line("k", 1), line("k", 2), line("k", 3)}, first(0, 1, 2), 3, 0},
		{"only the first attempt counts, sent or not", []published{line("k", 1), line("k", 2)}, first(0, 1, 0), 2, 0},
		{"one overtakes another", []published{line("k", 1), line("k", 2), line("k", 3)}, first(1, 0, 2), 3, 1},
		{"one is late for two", []published{line("k", 1), line("k", 2), line("k", 3)}, first(1, 2, 0), 3, 2},
		{"the order is that of Kafka, not the publisher's", []published{line("k", 9), line("k", 2)}, first(1, 0), 2, 0},
		{"keys have nothing to do with each other", []published{line("k", 1), line("l", 2)}, first(1, 0), 2, 0},
		{"what Kafka may not have has no place", []published{lost, line("k", 2)}, first(1, 0), 1, 0},
		{"what was never attempted is not waited for", []published{line("k", 1), line("k", 2)}, first(1), 1, 0},
		{"its first attempt was lost: it comes when it comes", []published{line("k", 1), line("k", 2)},
			append(first(1), attempt{id: "r-0", number: 2, at: at(5)}), 1, 0},
		{"no key, no order", []published{line("", 1), line("", 2)}, first(1, 0), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := check(evidence{run: "r-", sends: c.sends, attempts: c.attempts})
			if len(v.disordered) != c.want || v.ordered != c.ordered {
				t.Errorf("%d of %d, want %d of %d: %q", len(v.disordered), v.ordered, c.want, c.ordered, v.disordered)
			}
		})
	}
}

// A send that had ended is published again at 5.
func TestRepeated(t *testing.T) {
	again := repetition{number: 0, at: at(5), place: place{"sends", 1, 7}}
	twin := ended("r-0", duplicate, 5.1)
	twin.source = again.place
	other := ended("r-0", duplicate, 5.1)
	other.source = place{"sends", 1, 6}
	for _, c := range []struct {
		name               string
		attempts           []attempt
		outcomes           []outcome
		recognised, resent int
	}{
		{"recognised", []attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 2), twin}, 1, 0},
		{"another record was", []attempt{reached("r-0", "a", 1)}, []outcome{ended("r-0", "sent", 2), other}, 0, 0},
		{"sent", []attempt{reached("r-0", "a", 1), reached("r-0", "b", 6)}, []outcome{ended("r-0", "sent", 2)}, 0, 1},
		{"attempted, which is as wrong", []attempt{reached("r-0", "a", 1), {id: "r-0", at: at(6)}}, []outcome{ended("r-0", "sent", 2), twin}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := check(evidence{run: "r-", sends: []published{{accepted: true}}, repeats: []repetition{again}, attempts: c.attempts, outcomes: c.outcomes})
			if v.recognised != c.recognised || len(v.resent) != c.resent {
				t.Errorf("%d recognised, %q sent again; want %d and %d", v.recognised, v.resent, c.recognised, c.resent)
			}
		})
	}
}

func TestReserved(t *testing.T) {
	of := func(low, reserved int64, parked int, done ...intake.Run) intake.Reservation {
		return intake.Reservation{Owner: "a", Low: low, Reserved: reserved, Parked: parked, Done: done}
	}
	at := func(i int32) place { return place{topic: "sends", partition: i} }
	commits := map[place]intake.Reservation{
		at(0): of(100, 150, 3, intake.Run{From: 101, To: 111}),
		at(1): of(7, 7, 0),
		at(2): of(10, 20, 0, intake.Run{From: 15, To: 25}), // a map that reaches further
		at(3): of(0, 1000, 0),
		at(4): {Low: 5}, // no metadata
	}
	for _, c := range []struct {
		name       string
		partitions []place
		want       int
	}{
		{"some", []place{at(0), at(1), at(2)}, 50 + 3 - 10 + 10 - 5},
		{"another's, and one that says nothing", []place{at(3), at(4)}, 1000},
		{"nobody says", []place{at(4)}, -1},
		{"it has none", nil, -1},
	} {
		if got := reservedOf(commits, c.partitions); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
