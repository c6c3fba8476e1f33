package chaos

import (
	"reflect"
	"testing"
	"time"
)

func usual(seed uint64) schedule {
	return schedule{seed: seed, kinds: Kinds(), nodes: 3, span: 5 * time.Minute, gap: 6 * time.Second, session: 6 * time.Second}
}

// The seed alone decides, another one decides otherwise.
func TestPlanBySeed(t *testing.T) {
	if a, b := usual(7).plan(), usual(7).plan(); !reflect.DeepEqual(a, b) {
		t.Errorf("one seed made two plans:\n%v\n%v", a, b)
	}
	if a, b := usual(7).plan(), usual(8).plan(); reflect.DeepEqual(a, b) {
		t.Error("two seeds made one plan")
	}
}

// Whatever the seed: every kind has its turn, no target has two faults at once,
// none outlasts the run, and a zombie outlasts its session, as does one that
// is cut off.
func TestPlan(t *testing.T) {
	for seed := range uint64(200) {
		s := usual(seed)
		count, busy := map[Kind]int{}, map[int]time.Duration{}
		for _, p := range s.plan() {
			count[p.kind]++
			struck := []int{p.node}
			if p.kind == Rolling {
				struck = []int{0, 1, 2}
			}
			for _, target := range struck {
				if p.at < busy[target] {
					t.Errorf("seed %d: %v strikes while another fault of its target is under way", seed, p)
				}
				busy[target] = p.at + p.lasts
			}
			if p.at+p.lasts > s.span {
				t.Errorf("seed %d: %v outlasts the run", seed, p)
			}
			if (p.node < 0) != (p.kind == Broker || p.kind == Rolling) || p.node >= s.nodes {
				t.Errorf("seed %d: %v has the wrong target", seed, p)
			}
			if (p.kind == Zombie || p.kind == Partition) && p.lasts <= s.session {
				t.Errorf("seed %d: %v keeps its session", seed, p)
			}
		}
		for _, k := range Kinds() {
			if count[k] < 2 {
				t.Errorf("seed %d: %s comes %d times in %v", seed, k, count[k], s.span)
			}
		}
	}
}

func TestParseKinds(t *testing.T) {
	for _, c := range []struct {
		name, list string
		want       []Kind // nil with ok false is an error
		ok         bool
	}{
		{"all of them", "all", Kinds(), true},
		{"none", "none", nil, true},
		{"some, with a blank", "kill, broker", []Kind{Kill, Broker}, true},
		{"an unknown one", "kill,earthquake", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseKinds(c.list)
			if (err == nil) != c.ok || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}
