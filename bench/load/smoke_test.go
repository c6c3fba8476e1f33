package load

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// small is a run that shows that a command does what it measures, not how fast.
func small(t *testing.T, sends int) Config {
	w := workload.Default()
	w.Sends = sends
	return Config{
		Command: rigtest.Command(t), Dir: t.TempDir(), Broker: rig.Embedded, Nodes: 1, Partitions: 4, Workload: w,
		WarmUp: 100 * time.Millisecond, Progress: t.Output(),
	}
}

// good fails the test unless the run passed, and has these figures.
func good(t *testing.T, r *report.Result, err error, figures ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed {
		t.Errorf("it did not pass: %v", r.Problems)
	}
	// CPU comes in steps of 10 ms, and so few sends may end between two commits.
	const maybe = "lost doubled broker_cpu_us_per_send plugin_cpu_us_per_send commits"
	if r.Command != "isolation" {
		figures = append(figures, "seconds", "sends_per_second")
	}
	for _, name := range append(figures, "sends", "lost", "doubled") {
		f := r.Figure(name)
		switch {
		case f == nil:
			t.Errorf("there is no %s", name)
		case f.Value < 0, f.Value == 0 && !strings.Contains(maybe, name), f.Value > 0 && (name == "lost" || name == "doubled"):
			t.Errorf("%s is %v", name, f.Value)
		}
	}
	if _, err := r.MarshalJSON(); err != nil {
		t.Error(err)
	}
}

func TestBroadcast(t *testing.T) {
	c := small(t, 3000)
	c.Nodes = 2
	r, err := Broadcast(t.Context(), c, 2)
	good(t, r, err, "engine_cpu_us_per_send", "plugin_cpu_us_per_send", "broker_cpu_us_per_send", "engine_peak_rss_mib",
		"engine_allocs_per_send", "engine_alloc_bytes_per_send", "commits")
}

// With a provider that fails and throttles, in protobuf and to few recipients,
// it is each once all the same.
func TestBroadcastRough(t *testing.T) {
	c := small(t, 2000)
	c.Workload.Format, c.Workload.Topic = "protobuf", "sends.bulk"
	c.Workload.Recipients.Spread, c.Workload.Ordered = "zipf", 0.1
	c.Workload.Provider.Failures, c.Workload.Provider.Throttles = 0.05, 0.02
	r, err := Broadcast(t.Context(), c, 1)
	good(t, r, err)
	if f := r.Figure("attempts_per_send"); f == nil || f.Value < 1.03 || f.Value > 1.2 {
		t.Errorf("attempts per send: %+v, want about 1/(1-0.07)", f)
	}
}

// Nothing is faster than the provider, and every send of the flow is timed.
func TestLatency(t *testing.T) {
	c := small(t, 0)
	c.Workload.Provider.Latency = 50 * time.Millisecond
	r, err := Latency(t.Context(), c, 400, time.Second, 2)
	good(t, r, err, "latency_p50_ms", "latency_p90_ms", "latency_max_ms") // p99 of 400 would be that of 4
	if timed, all := r.Figure("latency_sends").Value, r.Figure("sends").Value; timed != 400 || all != 440 {
		t.Errorf("of %v sends %v count, want 400 of 440", all, timed)
	}
	if len(r.Percentiles) != 1 || r.Percentiles[0].Count != 800 || r.Percentiles[0].Points[0].Ms < 50 {
		t.Errorf("percentiles: %+v", r.Percentiles)
	}
}

// The urgent sends are timed alone and beside the broadcast, and all is counted.
func TestIsolation(t *testing.T) {
	c := small(t, 0)
	// With 4 shards of 1024 in flight, the broadcast takes three seconds at
	// least: the flow is over before, however slow this machine is.
	c.Workload.Provider.Latency = 300 * time.Millisecond
	bulk := workload.Default()
	bulk.Sends = 40_000
	r, err := Isolation(t.Context(), c, bulk, 400, 500*time.Millisecond, 1)
	good(t, r, err, "idle_p50_ms", "loaded_p50_ms", "bulk_sends_per_second")
	if got := r.Figure("sends").Value; got != 40_000+2*240 {
		t.Errorf("%v sends were counted", got)
	}
}

// Where the broadcast is over too soon, the run says how many sends would do,
// and what was measured without it is there.
func TestIsolationTooShort(t *testing.T) {
	bulk := workload.Default()
	bulk.Sends = 100
	r, err := Isolation(t.Context(), small(t, 0), bulk, 400, time.Second, 1)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(r.Problems, "; ")
	for _, part := range []string{"the first 100ms do not count", "100 are needed", "give the broadcast --sends "} {
		if !strings.Contains(said, part) {
			t.Errorf("%q does not say %q", said, part)
		}
	}
	if r.Passed || r.Figure("idle_p50_ms") == nil || r.Figure("loaded_p50_ms") != nil || len(r.Tables) != 1 {
		t.Errorf("passed: %v, figures: %+v", r.Passed, r.Figures)
	}
	if _, err := r.MarshalJSON(); err != nil {
		t.Error(err)
	}
}

// Every size is sent by every number of nodes in each round, and has a row.
func TestScale(t *testing.T) {
	c := small(t, 0)
	c.Ahead = 100
	r, err := Scale(t.Context(), c, []int{1, 2}, []int{500, 1000}, 2)
	good(t, r, err, "engine_rss_bound_mib")
	if got := r.Figure("sends").Value; got != 500 || len(r.Tables) != 1 || len(r.Tables[0].Rows) != 4 {
		t.Errorf("%v sends, %+v", got, r.Tables)
	}
	// The figures are one case's: its row in the table says the same.
	if row := r.Tables[0].Rows[0]; row[2] != r.Figure("sends_per_second").Value || row[3] != r.Figure("engine_cpu_us_per_send").Value || len(r.Remarks) != 1 {
		t.Errorf("the first case has %v, and the figures are %+v; remarks: %v", row, r.Figures, r.Remarks)
	}
}

// Sends are accounted for as they come, and both thirds are looked at.
func TestSoak(t *testing.T) {
	c := small(t, 0)
	r, err := Soak(t.Context(), c, 300, 2*time.Second)
	if err == nil { // two seconds are too short to be flat
		r.Problems = slices.DeleteFunc(r.Problems, func(s string) bool { return strings.Contains(s, "has grown") })
		r.Passed = len(r.Problems) == 0
	}
	good(t, r, err, "latency_p99_first_ms", "latency_p99_last_ms", "latency_p50_ms")
	if got := r.Figure("sends").Value; got != 600 {
		t.Errorf("%v sends were counted", got)
	}
}

// Near ones go out at their time, the others wait on through two restarts, of
// which one has no disk left.
func TestParked(t *testing.T) {
	for name, over := range map[string]time.Duration{"moment": 0, "spread": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			r, err := Parked(t.Context(), small(t, 1000), Schedule{Near: 300, Over: over, FreshDisk: over == 0})
			good(t, r, err, "disk_bytes_each", "restart_seconds", "parked_per_second", "late_p50_ms", "late_max_ms", "engine_cpu_us_per_send")
			if early := r.Figure("early"); early == nil || early.Value != 0 {
				t.Errorf("early: %+v", early)
			}
			if fresh := r.Figure("fresh_restart_seconds"); (fresh != nil) != (over == 0) {
				t.Errorf("a restart from Kafka alone: %+v", fresh)
			}
			if due, spread := r.Settings["due"], r.Settings["over"]; due != map[bool]string{true: "moment", false: "spread"}[over == 0] || (spread == nil) != (over == 0) {
				t.Errorf("settings: %v", r.Settings)
			}
			dueLines(t, r)
		})
	}
}

// dueLines fails the test if the outcomes drawn are more than the 300 that fell
// due, or the line of the parked does not end at the 700 that wait on.
func dueLines(t *testing.T, r *report.Result) {
	t.Helper()
	for _, s := range r.Series {
		at, sum := 0.0, 0.0
		for _, p := range s.Points {
			at, sum = p[0], sum+p[1]*(p[0]-at)
		}
		switch last := s.Points[len(s.Points)-1]; {
		case s.Name == "outcomes" && sum > 301:
			t.Errorf("%v outcomes: %v", sum, s.Points)
		case s.Name == "parked" && last[1] != 700:
			t.Errorf("the line of the parked ends at %v", last)
		}
	}
}

// A run that is wrong says so, whatever it is.
func TestParkedAccount(t *testing.T) {
	records := func() farTally {
		w := workload.Default()
		w.Sends = 3
		return farTally{records: w.Records("sends", "far"), parked: make([]uint8, 3), live: make([]bool, 3)}
	}
	event := func(f *farTally, i int, state carillonv1.State) {
		f.status(&carillonv1.Status{Id: f.records.ID(i), Kind: send.KindOf(state), Status: state})
	}
	for name, c := range map[string]struct {
		do            func(f *farTally)
		lost, doubled int
	}{
		"all are there":         {func(*farTally) {}, 0, 0},
		"parked twice":          {func(f *farTally) { event(f, 1, carillonv1.State_STATE_PARKED) }, 0, 1},
		"gone":                  {func(f *farTally) { f.live[2] = false }, 1, 0},
		"gone with an outcome":  {func(f *farTally) { f.live[2] = false; event(f, 2, carillonv1.State_STATE_SENT) }, 0, 0},
		"somebody else's event": {func(f *farTally) { f.status(&carillonv1.Status{Id: "near-1"}) }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := records()
			for i := range 3 {
				event(&f, i, carillonv1.State_STATE_PARKED)
				if err := f.row(&kgo.Record{Key: []byte("shop\x00ana\x00" + f.records.ID(i)), Value: []byte{1}}); err != nil {
					t.Fatal(err)
				}
			}
			if c.do(&f); f.lost() != c.lost || f.doubled() != c.doubled {
				t.Errorf("%d lost, %d doubled; want %d, %d", f.lost(), f.doubled(), c.lost, c.doubled)
			}
		})
	}
}

// A campaign is canceled in all three places, by two nodes, and every send is
// accounted for.
func TestCancel(t *testing.T) {
	c := small(t, 3000)
	c.Nodes = 2
	r, err := Cancel(t.Context(), c)
	good(t, r, err, "attempted", "canceled")
	if sum := r.Figure("attempted").Value + r.Figure("canceled").Value; sum != 3000 {
		t.Errorf("%v were attempted or canceled", sum)
	}
}

// A run that is wrong says so, whatever it is.
func TestCancelAccount(t *testing.T) {
	w := workload.Default()
	w.Sends = 2
	canceled, sent, expired := carillonv1.State_STATE_CANCELED, carillonv1.State_STATE_SENT, carillonv1.State_STATE_EXPIRED
	for name, c := range map[string]struct {
		states   []carillonv1.State // of the first one
		attempts int
		want     counted
	}{
		"canceled":           {[]carillonv1.State{canceled}, 0, counted{canceled: 1}},
		"sent":               {[]carillonv1.State{sent}, 1, counted{sent: 1, attempted: 1}},
		"canceled, and sent": {[]carillonv1.State{canceled}, 1, counted{canceled: 1, attempted: 1, wrong: 1}},
		"sent by nobody":     {[]carillonv1.State{sent}, 0, counted{sent: 1, wrong: 1}},
		"sent twice":         {[]carillonv1.State{sent}, 2, counted{doubled: 1, attempted: 1}},
		"two outcomes":       {[]carillonv1.State{sent, canceled}, 1, counted{doubled: 1, attempted: 1}},
		"no outcome":         {nil, 0, counted{lost: 1}},
		"another outcome":    {[]carillonv1.State{expired}, 0, counted{otherwise: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(w.Records("sends", "now").First(1))
			for _, state := range c.states {
				e.status(&carillonv1.Status{Id: e.records.ID(0), Kind: carillonv1.Kind_KIND_OUTCOME, Status: state})
			}
			now := time.Now()
			for range c.attempts {
				e.attempt(sink.Entry{ID: e.records.ID(0), At: now.Add(time.Second)}, now)
			}
			var got counted
			if e.add(&got); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if c.attempts > 0 && e.last != time.Second {
				t.Errorf("the last attempt was %v after the cancel", e.last)
			}
		})
	}
}
