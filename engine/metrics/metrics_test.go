package metrics

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

// With -update the test writes the table of the docs anew:
// go test ./engine/metrics -update
var update = flag.Bool("update", false, "write docs/metrics.md anew")

// touchAll gives every metric a series.
func touchAll(m *Metrics) {
	m.Outcome("email", "marketing", "sent").Add(3)
	m.Progress("email", "parked").Inc()
	m.Invalid("not_json").Inc()
	m.NearMiss("expiresat").Inc()
	m.Forwarded("sends").Inc()
	m.Intake("sends", "json").Inc()
	m.Attempts("email", "main", "accepted").Inc()
	m.Retries("email", "throttle").Inc()
	m.OrderWaits("skip").Inc()
	m.Lag("sends", 3).Records.Set(7)
	m.Lane("email", "main").Open.Set(2)
	m.LaneLimited("email", "main", "app").Set(2)
	m.Limited("email", "main", "app").Inc()
	m.BreakerOpened("email", "main", "credential").Inc()
	m.Diverted("email", "main").Inc()
	m.Parked("email").Add(1)
	m.IntakeToOutcome("email", "marketing").Observe(0.004)
	m.PluginUp("email").Set(1)
	m.PluginRestarts("email").Inc()
	m.Decisions("resend", "done").Inc()
	m.Suppressions.Hits("opted_out").Inc()
}

// described records what was registered, whether it has a series or not.
type described struct {
	*prometheus.Registry
	names map[string]bool
}

func (d described) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		descs := make(chan *prometheus.Desc, 8)
		c.Describe(descs)
		close(descs)
		for desc := range descs {
			_, rest, _ := strings.Cut(desc.String(), `fqName: "`)
			name, _, _ := strings.Cut(rest, `"`)
			d.names[name] = true
		}
	}
	d.Registry.MustRegister(all...)
}

func gathered(t *testing.T, reg prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// series returns those of one metric.
func series(t *testing.T, reg prometheus.Gatherer, name string) []*dto.Metric {
	t.Helper()
	for _, f := range gathered(t, reg) {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

// docs/metrics.md lists every metric with its type, labels and meaning.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- metrics: made by go test ./engine/metrics -update -->\n", "<!-- metrics end -->"
	const file = "../../docs/metrics.md"
	reg := described{prometheus.NewRegistry(), make(map[string]bool)}
	touchAll(New(reg))
	want := "\n| name | type | labels | meaning |\n|---|---|---|---|\n"
	for _, f := range gathered(t, reg) {
		delete(reg.names, f.GetName())
		want += row(f)
	}
	want += "\n"
	if len(reg.names) > 0 {
		t.Errorf("touchAll leaves out %v", reg.names)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	table, after, closed := strings.Cut(rest, end)
	switch {
	case !ok || !closed:
		t.Fatalf("%s has no place for the metrics (%q … %q)", file, begin, end)
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case table != want:
		t.Error("docs/metrics.md differs from the code; run go test ./engine/metrics -update")
	}
}

func row(f *dto.MetricFamily) string {
	var labels []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		labels = append(labels, "`"+l.GetName()+"`")
	}
	kind := strings.ToLower(f.GetType().String())
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), kind, strings.Join(labels, ", "), f.GetHelp())
}

// Names and units are what Prometheus' own linter asks for.
func TestLint(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	touchAll(New(reg))
	problems, err := promlint.NewWithMetricFamilies(gathered(t, reg)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// Producers choose the names of unknown fields, and can't make series without
// end of them, nor break a scrape.
func TestNearMissIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				m.NearMiss("f" + strconv.Itoa(g*500+i)).Inc()
			}
		})
	}
	wg.Wait()
	for _, odd := range []string{"", "\xff", "a\nb", strings.Repeat("x", 65)} {
		m.NearMiss(odd).Inc()
	}
	total := 0.0
	all := series(t, reg, "carillon_near_miss_fields_total")
	for _, x := range all {
		total += x.GetCounter().GetValue()
	}
	if len(all) != maxNearMisses+1 || total != 2004 {
		t.Errorf("%d series, %v in all", len(all), total)
	}
}

// A shard that moved away leaves no lag behind.
func TestDropLag(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	m.Lag("sends", 1).Seconds.Set(9)
	m.Lag("sends", 2).Seconds.Set(4)
	m.DropLag("sends", 1)
	for _, name := range []string{"carillon_lag_records", "carillon_lag_seconds", "carillon_lag_retention_ratio"} {
		left := series(t, reg, name)
		if len(left) != 1 || left[0].GetLabel()[0].GetValue() != "2" /* partition comes before topic */ {
			t.Errorf("%s: %v", name, left)
		}
	}
}

// Engines of one process have a registry each; two on one are a mistake.
func TestNewTwice(t *testing.T) {
	reg := prometheus.NewRegistry()
	New(reg)
	New(prometheus.NewRegistry())
	defer func() {
		if recover() == nil {
			t.Error("taken twice")
		}
	}()
	New(reg)
}

func TestRegisterGauge(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	if err := m.RegisterGauge("carillon_ledger_disk_bytes", "Bytes of the local state on disk.", func() float64 { return 42 }); err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterGauge("carillon_ledger_disk_bytes", "Again.", func() float64 { return 0 }); err == nil {
		t.Error("taken twice")
	}
	got := series(t, reg, "carillon_ledger_disk_bytes")
	if len(got) != 1 || got[0].GetGauge().GetValue() != 42 {
		t.Errorf("%v", got)
	}
}
