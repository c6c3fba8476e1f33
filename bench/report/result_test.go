package report

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// broadcast is a result with something of everything.
func broadcast() *Result {
	r := &Result{
		Command: "broadcast", Started: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), Passed: true, Problems: []string{},
		Machine:  Machine{OS: "linux", Arch: "amd64", Kernel: "6.1.0", CPU: "Example CPU @ 2.00GHz", CPUs: 2, MemoryBytes: 8 << 30},
		Versions: map[string]string{"carillon": "dev", "go": "go1.26.8"},
		Broker:   "Apache Kafka 4.1.1",
		Settings: map[string]any{"nodes": 1.0, "workload": "alert", "length": "10s"},
	}
	r.Add("sends", "", 2_000_000, Neither)
	f := r.AddRounds("sends_per_second", "sends/s", []float64{118_000, 121_034.5, 125_000}, Higher)
	f.Key = true
	f = r.AddRounds("engine_cpu_us_per_send", "µs", []float64{9.6, 9.71, 9.9}, Lower)
	f.Key, f.Note = true, "user and kernel"
	r.Add("lost", "sends", 0, Lower)
	t := Table{Title: "By nodes", Columns: []string{"nodes", "sends/s", "verdict"}}
	t.Add(1.0, 121034.0, "as one")
	t.Add(2.0, nil, "not run")
	r.Tables = []Table{t}
	r.Series = []Series{{Name: "engine", Unit: "MiB", Group: "Memory", Points: [][2]float64{{0, 80}, {1, 97.5}, {2, 97.5}}}}
	r.Percentiles = []Percentiles{{Name: "loaded", Count: 1000, Points: []Percentile{{50, 1.2}, {99, 8.4}, {99.9, 31}}}}
	return r
}

func TestJSONRoundTrip(t *testing.T) {
	want := broadcast()
	path := filepath.Join(t.TempDir(), "r.json")
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want.File = "r.json"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// What a script reads, without knowing anything but the name.
	text, _ := os.ReadFile(path)
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	if top["sends_per_second"] != 121034.5 || top["lost"] != 0.0 || top["format"] != 1.0 || top["passed"] != true {
		t.Errorf("at the top: %v", top)
	}
}

// Any figure comes back as it was, whatever its digits.
func TestJSONKeepsFigures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64().Filter(func(v float64) bool { return !unwritable(v) })
		want := &Result{Command: "soak"}
		want.AddRounds("a_b1", "µs", rapid.SliceOfN(value, 1, 5).Draw(t, "rounds"), Lower)
		if unwritable(want.Figures[0].Value) {
			t.Skip("the middle of two is beyond float64")
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := &Result{}
		if err := json.Unmarshal(text, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Figures, got.Figures); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestJSONRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"a later format", `{"format": 2}`, "has the format 2, and this carillon reads 1"},
		{"some other JSON, such as of chaos", `{"seed": 1, "lost": 0}`, "has no format"},
		{"no JSON", `sends 1`, "invalid character"},
		{"a direction that nobody knows", `{"format": 1, "figures": [{"name": "a", "better": "up"}]}`, `better is "up"`},
		{"a row that is too short", `{"format": 1, "tables": [{"title": "T", "columns": ["a", "b"], "rows": [[1]]}]}`, "row 1 has 1 cells, and there are 2 columns"},
	} {
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the file and %q", c.name, err, c.want)
		}
	}
	if _, err := ReadFile("nowhere.json"); err == nil {
		t.Error("read a file that isn't there")
	}
}

// What has no place in a plot is refused before it is drawn or written.
func TestRefusesPoints(t *testing.T) {
	for _, c := range []struct {
		name   string
		result Result
		want   string
	}{
		{"a rate of no time", Result{Series: []Series{{Name: "rate", Group: "Throughput", Points: [][2]float64{{0, 1}, {1, math.Inf(1)}}}}}, `"Throughput": point 2`},
		{"a percentile above 100", Result{Percentiles: []Percentiles{{Name: "idle", Points: []Percentile{{101, 1}}}}}, `"idle": point 1`},
		{"a latency of nothing", Result{Percentiles: []Percentiles{{Name: "idle", Points: []Percentile{{50, math.NaN()}}}}}, `"idle": point 1`},
	} {
		_, err1 := json.Marshal(c.result)
		for _, err := range []error{err1, WriteHTML(io.Discard, &c.result)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
	}
}

func TestJSONRefusesToWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		figure Figure
		want   string
	}{
		{"a name that the file needs", Figure{Name: "passed"}, "is taken"},
		{"the name of another figure", Figure{Name: "lost"}, "is taken"},
		{"a name with a unit in it", Figure{Name: "sends/s"}, "snake_case"},
		{"nothing divided by nothing", Figure{Name: "x", Value: math.NaN()}, "is no number"},
		{"a round that took no time", Figure{Name: "x", Rounds: []float64{1, math.Inf(1)}}, "is no number"},
	} {
		r := broadcast()
		r.Figures = append(r.Figures, c.figure)
		if _, err := json.Marshal(r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A duration reads the same before and after.
func TestSettingsOfDurations(t *testing.T) {
	r := &Result{Settings: map[string]any{"length": 90 * time.Second, "nodes": 2}}
	text1, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got := &Result{}
	if err := json.Unmarshal(text1, got); err != nil {
		t.Fatal(err)
	}
	for name, v := range r.Settings {
		if text(v) != text(got.Settings[name]) {
			t.Errorf("%s was %s and is %s", name, text(v), text(got.Settings[name]))
		}
	}
}

func TestMachine(t *testing.T) {
	for _, c := range []struct {
		name string
		proc fstest.MapFS
		want Machine
		says string
	}{
		{"Linux on amd64", fstest.MapFS{
			"sys/kernel/osrelease": {Data: []byte("6.1.0-13\n")},
			"cpuinfo":              {Data: []byte("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Example  CPU @ 2.00GHz\n\nprocessor\t: 1\nmodel name\t: Other\n")},
			"meminfo":              {Data: []byte("MemTotal:       16384000 kB\nMemFree: 1 kB\n")},
		}, Machine{Kernel: "6.1.0-13", CPU: "Example CPU @ 2.00GHz", MemoryBytes: 16384000 << 10}, "Example CPU @ 2.00GHz, 15.6 GiB, 6.1.0-13"},
		{"arm64, which does not name its model", fstest.MapFS{
			"cpuinfo": {Data: []byte("processor\t: 0\nCPU part\t: 0xd0c\n")},
		}, Machine{}, ""},
		{"no /proc", fstest.MapFS{}, Machine{}, ""},
	} {
		got := machineFrom(c.proc)
		if got != c.want || got.String() != c.says {
			t.Errorf("%s: %+v, %q; want %+v, %q", c.name, got, got.String(), c.want, c.says)
		}
	}
	if m := ThisMachine(); m.CPUs < 1 || m.OS == "" {
		t.Errorf("this machine: %+v", m)
	}
}

const wantTable = `broadcast on Apache Kafka 4.1.1
Example CPU @ 2.00GHz, 2 CPUs, 8.0 GiB, linux 6.1.0 amd64; carillon dev, go 1.26.8

  sends                2,000,000
  sends per second       121,034  sends/s  118,000 to 125,000 in 3 rounds
  engine CPU per send       9.71  µs       9.6 to 9.9 in 3 rounds
  lost                         0  sends

By nodes
  nodes  sends/s  verdict
      1  121,034  as one
      2        –  not run

FAILED
  - one send is lost
`

func TestWrite(t *testing.T) {
	r := broadcast()
	r.Fail("one send is lost")
	b := &strings.Builder{}
	if err := r.Write(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantTable, b.String()); diff != "" {
		t.Error(diff)
	}
}

// The seconds are those of the rate that stands beside them, of two rounds too.
func TestSecondsAgreeWithTheRate(t *testing.T) {
	for _, seconds := range [][]float64{{2}, {1, 4}, {1, 2, 5}, {4, 1, 2, 3}} {
		r := &Result{}
		rates := make([]float64, len(seconds))
		for i, s := range seconds {
			rates[i] = 100 / s
		}
		got, want := r.AddSeconds(seconds).Value, 100/r.AddRounds("sends_per_second", "", rates, Higher).Value
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("of %v it is %v, want %v", seconds, got, want)
		}
	}
}
