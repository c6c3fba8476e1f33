package chaos

import (
	"testing"
	"time"
)

var zero = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

func reached(id, node string, seconds float64) attempt {
	return attempt{id: id, node: node, key: "key of " + id, sent: true, at: at(seconds)}
}

func ended(id, state string, seconds float64) outcome {
	return outcome{id: id, event: id + state, state: state, seen: at(seconds), taken: at(seconds - 0.1)}
}

func fault(kind Kind, node string, begin, end float64) Fault {
	return Fault{Kind: kind, Node: node, Begin: at(begin), End: at(end), Clean: true}
}

// figures are what a case is about; the rest of the verdict has to be zero.
type figures struct {
	lost, doubled, withKeys, bound, unexplained, late, many, repeats, duplicates, unknown int
}

// Each case is one send, or two, whose story is told by its three witnesses.
func TestCheck(t *testing.T) {
	kill := []Fault{fault(Kill, "a", 10, 12)}
	zombie := fault(Zombie, "a", 10, 20)
	zombie.Woken = at(20)
	forced := fault(Restart, "a", 10, 12)
	forced.Clean = false
	otherKey := reached("r-0", "b", 13)
	otherKey.key = "another"
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
			[]Fault{zombie}, figures{doubled: 1, late: 1}},
		{"a zombie sends before its heir",
			[]attempt{reached("r-0", "a", 20.01), reached("r-0", "b", 21)}, []outcome{ended("r-0", "sent", 21)},
			[]Fault{zombie}, figures{doubled: 1, late: 1}},
		{"open at a kill, and not yet taken up at the next one of the node",
			[]attempt{reached("r-0", "a", 9.9), reached("r-0", "a", 19)}, []outcome{ended("r-0", "sent", 19)},
			[]Fault{fault(Kill, "a", 10, 12), fault(Kill, "a", 14, 16)}, figures{doubled: 1, bound: 1}},
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
				len(v.lost), v.doubled, v.doubledIdempotent, v.bound(c.faults), len(v.unexplained), len(v.late),
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
			var all []attempt
			for _, s := range c.at {
				all = append(all, attempt{at: at(s)})
			}
			if got := overshoot(all, 10, 2).over; got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestSum(t *testing.T) {
	const text = `# HELP carillon_lane_open_attempts Attempts.
# TYPE carillon_lane_open_attempts gauge
carillon_lane_open_attempts{account="main",channel="sink"} 3
carillon_lane_open_attempts{account="other",channel="sink"} 1e2
carillon_lane_open_attempts_total 7
carillon_unacknowledged_outcomes 5
`
	if got := sum([]byte(text), "carillon_lane_open_attempts"); got != 103 {
		t.Errorf("open attempts: %d, want 103", got)
	}
	if got := sum([]byte(text), "carillon_unacknowledged_outcomes"); got != 5 {
		t.Errorf("unacknowledged: %d, want 5", got)
	}
}
