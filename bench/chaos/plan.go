package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind names a fault.
type Kind string

// The faults.
const (
	Kill       Kind = "kill"        // SIGKILL of a node, which is started again
	Zombie     Kind = "zombie"      // SIGSTOP of a node for longer than its session, then SIGCONT
	Partition  Kind = "partition"   // a node is cut off from the broker for longer than its session
	Restart    Kind = "restart"     // SIGTERM of a node, which is started again
	Rolling    Kind = "rolling"     // restart of every node in turn, round after round
	Disk       Kind = "disk"        // SIGKILL of a node, which is started again without its data
	PluginKill Kind = "plugin-kill" // SIGKILL of a plugin's process group
	PluginStop Kind = "plugin-stop" // SIGSTOP of a plugin's process group, then SIGCONT
	Broker     Kind = "broker"      // SIGKILL of the broker, which is started again
)

// Kinds returns all faults in the order of the documentation.
func Kinds() []Kind {
	return []Kind{Kill, Zombie, Partition, Restart, Rolling, Disk, PluginKill, PluginStop, Broker}
}

// ParseKinds reads a list of faults: names with commas between them, "all" or
// "none".
func ParseKinds(list string) ([]Kind, error) {
	switch list {
	case "all":
		return Kinds(), nil
	case "none", "":
		return nil, nil
	}
	var kinds []Kind
	for name := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(name))
		if !slices.Contains(Kinds(), k) {
			return nil, fmt.Errorf("there is no fault %q; give some of %s, or all, or none", name, joined(Kinds()))
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

func joined(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// planned is a fault to come.
type planned struct {
	at    time.Duration // from the beginning of the load
	kind  Kind
	node  int           // -1 where it strikes the broker, or every node
	lasts time.Duration // down, frozen or cut off for so long
}

// schedule is what a plan is made of.
type schedule struct {
	seed    uint64
	kinds   []Kind
	nodes   int
	span    time.Duration // no fault is under way after it
	gap     time.Duration // mean time between two faults
	session time.Duration // of the consumer group
}

// respite is how long a node is left alone after a fault of its own.
const respite = 3 * time.Second

// plan is a function of the schedule alone: a run can be repeated. Every kind
// comes once before any comes again. Faults of different nodes may overlap.
func (s schedule) plan() []planned {
	rng := rand.New(rand.NewPCG(s.seed, 0xc4a05))
	free := make([]time.Duration, s.nodes+1) // from when on; the last one is the broker
	var all []planned
	var bag []Kind
	for at := s.gap / 2; len(s.kinds) > 0; at += s.gap/4 + time.Duration(rng.ExpFloat64()*float64(s.gap)*3/4) {
		if at >= s.span {
			break
		}
		if len(bag) == 0 {
			bag = slices.Clone(s.kinds)
			rng.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		p := planned{at: at, kind: bag[0], node: rng.IntN(s.nodes)}
		p.lasts = p.kind.lasts(rng.Float64(), s.session)
		struck := free[p.node : p.node+1]
		switch p.kind {
		case Broker:
			p.node, struck = -1, free[s.nodes:]
		case Rolling:
			p.node, struck = -1, free[:s.nodes]
		}
		if slices.Max(struck) > at || at+p.lasts > s.span {
			continue
		}
		bag = bag[1:]
		for i := range struck {
			struck[i] = at + p.lasts + respite
		}
		all = append(all, p)
	}
	return all
}

// lasts returns how long a fault holds; x is in [0, 1).
func (k Kind) lasts(x float64, session time.Duration) time.Duration {
	between := func(low, high time.Duration) time.Duration {
		return (low + time.Duration(x*float64(high-low))).Round(time.Millisecond)
	}
	switch k {
	case Kill, Disk:
		return between(0, session*2/3)
	case Zombie, Partition:
		return between(session*6/5, session*2)
	case Rolling:
		return between(session, session*2)
	case PluginStop:
		return between(time.Second, 8*time.Second)
	case Broker:
		return between(100*time.Millisecond, 3*time.Second)
	default:
		return 0
	}
}
