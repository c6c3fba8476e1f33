package report

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestVerdicts(t *testing.T) {
	speed := func(rounds ...float64) *Figure {
		return &Figure{Name: "x", Value: median(rounds), Rounds: rounds, Better: Higher}
	}
	count := func(value, slack float64) *Figure {
		return &Figure{Name: "x", Value: value, Better: Lower, Counted: true, Slack: slack}
	}
	for _, c := range []struct {
		name          string
		before, after *Figure
		want          Verdict
	}{
		{"each round faster than any before", speed(100, 101, 102, 103), speed(110, 111, 112, 113), IsBetter},
		{"each round slower than any before", speed(110, 111, 112, 113), speed(100, 101, 102, 103), IsWorse},
		{"rounds that overlap", speed(100, 104, 108, 112), speed(102, 106, 110, 114), InNoise},
		{"one bad round hides nothing", speed(100, 101, 102, 103, 104, 105, 106), speed(110, 111, 112, 113, 114, 115, 40), IsBetter},
		{"three rounds apart by more than they spread", speed(100, 101, 102), speed(120, 121, 122), IsBetter},
		{"three rounds apart by less: it may be chance", speed(100, 105, 110), speed(111, 116, 121), InNoise},
		{"two rounds each say nothing", speed(100, 101), speed(120, 121), Unjudged},
		{"nor does one", speed(100, 101, 102, 103), speed(120), Unjudged},
		{"sure, and too small to matter", speed(1000, 1001, 1002, 1003), speed(1006, 1007, 1008, 1009), IsSame},
		{"a count needs no rounds", count(12, 0), count(13, 0), IsWorse},
		{"a count that went down", count(12, 0), count(11, 0), IsBetter},
		{"a count within its slack", count(12, 10), count(13, 10), IsSame},
		{"a count up to one percent", count(1000, 0), count(1010, 0), IsSame},
		{"from nothing, by rounds", &Figure{Name: "x", Better: Lower, Rounds: []float64{0, 0, 0}}, &Figure{Name: "x", Value: 2, Better: Lower, Rounds: []float64{2, 2, 2}}, IsWorse},
		{"as before, but the rounds say nothing", speed(100, 150, 50), speed(100, 150, 50), InNoise},
		{"as before, and so do the rounds", speed(100, 100.1, 100.2), speed(100, 100.1, 100.2), IsSame},
		{"the first that is lost", count(0, 0), count(1, 0), IsWorse},
		{"none lost, as before", count(0, 0), count(0, 0), IsSame},
		{"what has no direction", &Figure{Name: "x", Value: 1}, &Figure{Name: "x", Value: 2}, Unjudged},
		{"directions that are not the same", &Figure{Name: "x", Better: Lower}, speed(1, 2, 3), Unjudged},
		{"a figure that is new", nil, speed(1), OneOnly},
		{"a figure that is gone", speed(1), nil, OneOnly},
	} {
		if got := change(c.before, c.after); got.Verdict != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}

// The ranks are those of the tables for the test of Mann and Whitney, two-sided
// at 5 % (Siegel 1956, Table K): a U up to the number there is significant.
func TestCutIsThatOfTheTables(t *testing.T) {
	for _, c := range []struct{ m, n, critical int }{
		{3, 5, 0}, {4, 4, 0}, {4, 5, 1}, {5, 5, 2}, {5, 8, 6}, {6, 6, 5}, {8, 8, 13}, {9, 20, 48}, {10, 10, 23}, {20, 20, 127},
		{2, 7, -1}, {3, 4, -1}, // never
	} {
		for _, got := range []int{cut(c.m, c.n), cut(c.n, c.m)} {
			if got != c.critical+1 {
				t.Errorf("%d against %d rounds: %d, want %d", c.m, c.n, got, c.critical+1)
			}
		}
	}
	// Where the exact way ends, the normal one goes on.
	if exact, normal := cut(25, 25), cut(25, 26); normal < exact || normal > exact+12 {
		t.Errorf("25 against 25 rounds: %d; against 26: %d", exact, normal)
	}
}

func TestDifferenceIsRarelyWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rounds := func(n int, mean float64) []float64 {
		all := make([]float64, n)
		for i := range all {
			all[i] = mean * (1 + 0.02*random.NormFloat64())
		}
		return all
	}
	const runs = 4000
	for _, c := range []struct {
		m, n int
		sees float64 // how many of ten percent's change are seen at least
	}{{2, 3, 0.6}, {3, 3, 0.75}, {2, 7, 0.65}, {4, 4, 0.99}, {5, 5, 0.99}, {10, 10, 0.99}} {
		wrong, seen := 0, 0
		for range runs {
			if i, _ := difference(rounds(c.m, 100), rounds(c.n, 100)); i.low > 0 || i.high < 0 {
				wrong++
			}
			if i, _ := difference(rounds(c.m, 100), rounds(c.n, 110)); i.low > 0 {
				seen++
			}
		}
		if float64(wrong) > 0.056*runs || float64(seen) < c.sees*runs {
			t.Errorf("%d against %d rounds: a change where there is none %d times of %d, and one of 10 %% seen %d times", c.m, c.n, wrong, runs, seen)
		}
	}
}

// The other way round, every interval is the other way round.
func TestDifferenceIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rounds := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 2, 12)
		a, b := rounds.Draw(t, "a"), rounds.Draw(t, "b")
		there, ok1 := difference(a, b)
		back, ok2 := difference(b, a)
		near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-6 }
		if ok1 != ok2 || !near(there.low, -back.high) || !near(there.high, -back.low) || there.low > there.high {
			t.Fatalf("%v and back %v", there, back)
		}
	})
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Result)
		want   []string
	}{
		{"the same", func(*Result) {}, nil},
		{"another carillon is what is compared", func(r *Result) { r.Versions = map[string]string{"carillon": "v2", "go": "go1.26.8"} }, nil},
		{"other Go", func(r *Result) { r.Versions = map[string]string{"go": "go1.27"} }, []string{"the version of go: go1.26.8 in A, go1.27 in B"}},
		{"more memory", func(r *Result) { r.Machine.MemoryBytes *= 2 }, []string{"the machine: "}},
		{"another broker", func(r *Result) { r.Broker = "embedded" }, []string{"the broker: Apache Kafka 4.1.1 in A, embedded in B"}},
		{"other settings", func(r *Result) { r.Settings = map[string]any{"nodes": 2, "workload": "alert", "payload": 600} },
			[]string{"the setting length: 10s in A, – in B", "the setting nodes: 1 in A, 2 in B", "the setting payload: – in A, 600 in B"}},
		{"the same, read or made", func(r *Result) {
			r.Settings = map[string]any{"nodes": int64(1), "workload": "alert", "length": 10 * time.Second}
		}, nil},
		{"a run that failed", func(r *Result) { r.Passed = false }, []string{"B failed"}},
	} {
		other := broadcast()
		c.change(other)
		got, err := Compare(broadcast(), other)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got.Warnings, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", c.name, got.Warnings, c.want)
		}
	}
}

// Runs that did not do the same, or one that failed, are better or worse in
// nothing: as for a baseline. The change is there all the same.
func TestCompareWithholds(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Result)
		want   string
	}{
		{"the same", func(*Result) {}, ""},
		{"another machine is a warning", func(r *Result) { r.Machine.MemoryBytes *= 2 }, ""},
		{"other settings", func(r *Result) { r.Settings = map[string]any{"nodes": 2, "workload": "alert", "length": "10s"} }, "other settings"},
		{"a run that failed", func(r *Result) { r.Passed = false }, "a run failed"},
	} {
		for _, swap := range []bool{false, true} {
			a, b := broadcast(), broadcast()
			c.change(b)
			if swap {
				a, b = b, a
			}
			got, err := Compare(a, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, ch := range got.Changes {
				if ch.Better == Neither {
					continue
				}
				if ch.Name == lost { // none may be, so that is judged in any case
					if ch.Verdict != IsSame {
						t.Errorf("%s: %+v", c.name, ch)
					}
					continue
				}
				if withheld := ch.Verdict == Unjudged && ch.Why == c.want; withheld != (c.want != "") || ch.Percent == nil {
					t.Errorf("%s: %+v", c.name, ch)
				}
			}
		}
	}
}

func TestCompareRefusesTwoCommands(t *testing.T) {
	other := broadcast()
	other.Command = "limit"
	if _, err := Compare(broadcast(), other); err == nil || !strings.Contains(err.Error(), "bench broadcast") || !strings.Contains(err.Error(), "bench limit") {
		t.Error(err)
	}
}

const wantComparison = `bench broadcast
  A  2026-11-23 02:00 UTC, carillon dev, go 1.26.8
  B  2026-11-23 02:00 UTC, carillon dev, go 1.26.8
warning: the broker: Apache Kafka 4.1.1 in A, embedded in B

                               A          B           change  95% interval
  sends                2,000,000  2,000,000             0.0%  –
  sends per second       121,034    150,000  sends/s  +23.9%  +15.0% to +32.6%  better
  engine CPU per send       9.71        9.8  µs        +0.9%  -4.5% to +5.8%    within noise
  lost                         0          2  sends         –  –                 worse
  new                          –          1                –  –                 in B only
  gone                         3          –                –  –                 in A only

The interval is that of the rounds of each run. What the machine did otherwise in
one run than in the other is not in it: run both again, in turn, before you
believe a small change of a speed.
`

func TestCompareWrite(t *testing.T) {
	before, after := broadcast(), broadcast()
	before.Add("gone", "", 3, Lower)
	after.Add("new", "", 1, Lower)
	after.Broker = "embedded"
	speed, cpu := after.Figure("sends_per_second"), after.Figure("engine_cpu_us_per_send")
	speed.Value, speed.Rounds = 150_000, []float64{149_000, 150_000, 151_000}
	cpu.Value, cpu.Rounds = 9.8, []float64{9.7, 9.8, 9.9}
	for _, r := range []*Result{before, after} {
		r.Figure("lost").Counted = true
	}
	after.Figure("lost").Value = 2
	c, err := Compare(before, after)
	if err != nil {
		t.Fatal(err)
	}
	b := &strings.Builder{}
	if err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantComparison, b.String()); diff != "" {
		t.Error(diff)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

func TestBaseline(t *testing.T) {
	// One counted figure with rounds, one without, and a speed, which is none.
	run := func(allocs ...float64) *Result {
		r := broadcast()
		r.AddRounds("engine_allocs_per_send", "", allocs, Lower).Counted = true
		r.Figure("lost").Counted = true
		return r
	}
	for _, c := range []struct {
		name   string
		now    *Result
		change func(*Result)
		names  []string
		want   string // "" passes
	}{
		{"as before", run(12, 12.1, 12.2), nil, nil, ""},
		{"better", run(10, 10.1, 10.2), nil, nil, ""},
		{"worse", run(14, 14.1, 14.2), nil, nil, "engine_allocs_per_send is worse than in the baseline: 14.1, and was 12.1 (+16.5%; noise: +13.0% to +20.2%)"},
		{"worse, and it may be chance", run(11, 12.4, 14), nil, nil, ""},
		{"a slower machine is no regression", run(12, 12.1, 12.2), func(r *Result) {
			r.Figure("sends_per_second").Value, r.Figure("sends_per_second").Rounds = 1000, []float64{999, 1000, 1001}
			r.Machine.CPU = "slow"
		}, nil, ""},
		{"unless it is asked for", run(12, 12.1, 12.2), func(r *Result) {
			r.Figure("sends_per_second").Value, r.Figure("sends_per_second").Rounds = 1000, []float64{999, 1000, 1001}
		}, []string{"sends_per_second"}, "sends_per_second is worse"},
		{"a send is lost", run(12, 12.1, 12.2), func(r *Result) { r.Figure("lost").Value = 1 }, nil, "lost is worse than in the baseline: 1 sends, and was 0 sends"},
		{"a figure that is gone", broadcast(), func(r *Result) { r.Figure("lost").Counted = true }, nil, "engine_allocs_per_send is in the baseline, and not in this run"},
		{"a name that nobody has", run(12, 12.1, 12.2), nil, []string{"nonsense"}, "nonsense is neither"},
		{"a name without a direction", run(12, 12.1, 12.2), nil, []string{"sends"}, "can't be judged: it is neither"},
		{"other settings", run(12, 12.1, 12.2), func(r *Result) { r.Settings = map[string]any{"nodes": 3} }, nil, "other settings (length, nodes, workload)"},
		{"another command", run(12, 12.1, 12.2), func(r *Result) { r.Command = "limit" }, nil, "bench limit"},
	} {
		if c.change != nil {
			c.change(c.now)
		}
		err := Baseline(run(12, 12.1, 12.2), c.now, c.names...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := Baseline(broadcast(), broadcast()); err == nil || !strings.Contains(err.Error(), "name the figures") {
		t.Errorf("a baseline without counts: %v", err)
	}
	failed := run(12)
	failed.Fail("1 of 9 sends have no outcome: a")
	if err := Baseline(failed, run(12)); err == nil || !strings.Contains(err.Error(), "a run that failed") {
		t.Errorf("a baseline that failed: %v", err)
	}
	later := run(12)
	if err := Baseline(broadcast(), later, "engine_allocs_per_send"); err == nil || !strings.Contains(err.Error(), "write it anew") {
		t.Errorf("a figure that the baseline lacks: %v", err)
	}
}
