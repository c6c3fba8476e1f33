package limit

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
)

// TestMain lets this test binary be every process that takes part.
func TestMain(m *testing.M) {
	rigtest.Main(m, map[string]func(context.Context, []string) error{
		"bench": func(ctx context.Context, args []string) error { return Serve(ctx, args[1]) },
	})
}

func someSends(n int) workload.Workload {
	w := workload.Default()
	w.Sends = n
	return w
}

// One small round of everything: only that it does what it measures, not how
// fast.
func TestLimitSmoke(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "profiles")
	res, err := Run(t.Context(), Config{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: rigtest.Broker,
		Workload: someSends(5000), Rounds: 1, Partitions: 4, Kinds: Kinds(), Progress: t.Output(), Profiles: profiles,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"engine-cpu.pprof", "engine-allocs.pprof"} {
		if info, err := os.Stat(filepath.Join(profiles, name)); err != nil || info.Size() == 0 {
			t.Errorf("the profile %s: %v", name, err)
		}
	}
	if _, err := res.MarshalJSON(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{
		"sends", "seconds", "sends_per_second", "lost", "doubled", "engine_allocs_per_send", "engine_alloc_bytes_per_send",
		"reader_writer_per_second", "raw_per_second", "plugin_stream_per_second", "pebble_writes_per_second", "pebble_sets_per_second",
		"ratio", "ratio_min", "ratio_max", "share_of_raw", "share_of_plugin_stream", "share_of_pebble",
	} {
		if res.Figure(name) == nil {
			t.Fatalf("there is no figure %s", name)
		}
	}
	if sends := res.Figure("seconds").Value * res.Figure("sends_per_second").Value; math.Abs(sends-5000) > 0.01 {
		t.Errorf("seconds by the rate are %v sends, and there were 5000", sends)
	}
}

// A send that the provider never saw, or saw twice, ends it with an error.
func TestLimitLostAndDoubled(t *testing.T) {
	for want, double := range map[string]bool{"the provider saw none": false, "reached their recipient more than once": true} {
		dir := t.TempDir()
		go rigtest.Tamper(t.Context(), dir, double)
		_, err := Run(t.Context(), Config{
			Dir: dir, Command: rigtest.Command(t), Broker: rigtest.Broker,
			Workload: someSends(1000), Rounds: 1, Partitions: 4, Kinds: []string{Engine},
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

// What needs no broker starts none.
func TestLimitWithoutBroker(t *testing.T) {
	res, err := Run(t.Context(), Config{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: "127.0.0.1:1", // nobody is there
		Workload: someSends(1000), Rounds: 2, Partitions: 3, Kinds: []string{Pebble},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Broker != "none" || res.Figure("ratio") != nil || len(res.Figure("pebble_writes_per_second").Rounds) != 2 {
		t.Errorf("broker %q, figures %+v", res.Broker, res.Figures)
	}
}

// An interrupt ends it soon, and says so.
func TestLimitInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, Config{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: "embedded",
		Workload: someSends(100_000_000), Rounds: 1, Partitions: 4, Kinds: []string{Pebble},
	})
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("the error is %v", err)
	}
}

func TestConfigCheck(t *testing.T) {
	good := Config{Broker: "embedded", Workload: someSends(1), Rounds: 1, Partitions: 1, Kinds: Kinds()}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"sends":                    func(c *Config) { c.Workload.Sends = 0 },
		"rounds: 0":                func(c *Config) { c.Rounds = 0 },
		"partitions: 0":            func(c *Config) { c.Partitions = 0 },
		"only: nothing":            func(c *Config) { c.Kinds = nil },
		"profiles: they are of":    func(c *Config) { c.Kinds, c.Profiles = []string{Raw}, "/tmp" },
		"where all goes well":      func(c *Config) { c.Workload.Provider.Failures = 0.1 },
		`broker: "rabbit" is none`: func(c *Config) { c.Broker = "rabbit" },
	} {
		c := good
		spoil(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

func TestParseKinds(t *testing.T) {
	for _, c := range []struct {
		list string
		want []string // nil: an error
	}{
		{"all", Kinds()},
		{"raw", []string{Raw}},
		{"raw, engine,raw", []string{Raw, Engine}}, // spaces, and one twice
		{"", nil},
		{"engine,turbo", nil},
	} {
		got, err := ParseKinds(c.list, Kinds())
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%q: %v, %v; want %v", c.list, got, err, c.want)
		}
	}
}

// The engine's rate is compared with the yardstick's of the same round, and the
// median counts.
func TestRatios(t *testing.T) {
	r := &run{Config: Config{Workload: someSends(100)}, turns: map[string][]turn{}}
	r.sends = r.Workload.Records("", tag)
	for _, seconds := range []struct{ engine, yardstick int }{
		{10, 5}, // 0.5
		{20, 4}, // 0.2: a slow round for one of them
		{5, 3},  // 0.6
	} {
		for kind, s := range map[string]int{Engine: seconds.engine, ReaderWriter: seconds.yardstick} {
			r.turns[kind] = append(r.turns[kind], turn{sends: 100, took: time.Duration(s) * time.Second})
		}
	}
	res := r.result("limit", time.Now())
	for name, want := range map[string]float64{
		"ratio": 0.5, "ratio_min": 0.2, "ratio_max": 0.6, "sends_per_second": 10, "reader_writer_per_second": 25,
	} {
		if got := res.Figure(name).Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if res.Figure("engine_cpu_us_per_send") != nil {
		t.Error("there is a figure of CPU, which nobody has read")
	}
}

func TestServeRefuses(t *testing.T) {
	for _, c := range []struct{ task, want string }{
		{"fast", "starts this process by itself"},
		{`{"Kind":"turbo"}`, `no yardstick is called "turbo"`},
		{fmt.Sprintf(`{"Kind":"pebble","Dir":%q,"Shards":1,"Workload":{"Sends":1},"Clock":"/"}`, filepath.Join(t.TempDir(), "data")), "the yardstick pebble"},
	} {
		if err := Serve(t.Context(), c.task); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want one with %q", c.task, err, c.want)
		}
	}
}
