package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"

	"github.com/carillonhq/carillon/engine/config"
)

// What an operator loads into other programs names metrics, and nothing but
// these tests says when one of them is gone: an alert about it is silent.

const (
	alertsFile    = "../configs/prometheus/alerts.yaml"
	dashboardFile = "../configs/grafana/carillon.json"
	runbookFile   = "../docs/operations.md"
	metricsFile   = "../docs/metrics.md"
)

// series are the metrics of a node, each with its labels.
func nodeSeries(t *testing.T) map[string][]string {
	t.Helper()
	e := New(&config.Config{}, zerolog.Nop())
	if err := e.registerGauges(); err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 1024)
	e.reg.Describe(descs)
	close(descs)
	all := map[string][]string{}
	for d := range descs {
		m := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("can't read %s", d)
		}
		all[m[1]] = strings.Split(m[2], ",")
	}
	if len(all) < 60 || !slices.Contains(all["carillon_lane_depth"], "priority") {
		t.Fatalf("the registry is read wrongly: %v", all)
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b((?:carillon|process|go)_[a-z0-9_]+)(\{[^}]*\})?`)
	matcher    = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`)
	labelList  = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	// foreign labels are Prometheus' own.
	foreign = []string{"job", "instance", "le"}
)

// unknown returns what an expression names and no node has.
func unknown(series map[string][]string, expr string) (faults []string) {
	labels := slices.Clone(foreign)
	for _, m := range metricName.FindAllStringSubmatch(expr, -1) {
		name := m[1]
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if _, ok := series[name]; !ok {
				name = strings.TrimSuffix(m[1], part)
			}
		}
		own, ok := series[name]
		if !ok {
			faults = append(faults, "no metric "+m[1])
			continue
		}
		labels = append(labels, own...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(own, l[1]) && !slices.Contains(foreign, l[1]) {
				faults = append(faults, m[1]+" has no label "+l[1])
			}
		}
	}
	for _, m := range labelList.FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.Split(m[1], ", ") {
			if !slices.Contains(labels, l) {
				faults = append(faults, "nothing has a label "+l)
			}
		}
	}
	return faults
}

// The check finds what it is there to find.
func TestUnknownSeries(t *testing.T) {
	series := map[string][]string{"carillon_a_seconds": {"topic"}}
	for expr, want := range map[string]int{
		`sum by (topic, le) (rate(carillon_a_seconds_bucket{topic="x", job="y"}[5m]))`: 0,
		`carillon_b_seconds > 1`:             1, // no such metric
		`carillon_a_seconds_max`:             1, // no such part of one
		`carillon_a_seconds{code=~"x"}`:      1, // no such label
		`max by (code) (carillon_a_seconds)`: 1, // no such label to group by
	} {
		if got := unknown(series, expr); len(got) != want {
			t.Errorf("%s: %v, want %d faults", expr, got, want)
		}
	}
}

// Every alert goes by metrics that there are, and has its paragraph in the
// operator's page; every such paragraph has its alert.
func TestAlerts(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read(t, alertsFile), &rules); err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (Carillon\w+)$`).FindAllStringSubmatch(string(read(t, runbookFile)), -1) {
		headings[m[1]] = true
	}
	series, seen := nodeSeries(t), 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			seen++
			for _, fault := range unknown(series, r.Expr) {
				t.Errorf("%s: %s", r.Alert, fault)
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || !headings[r.Alert] {
				t.Errorf("%s: runbook %q, want %s, and a heading there", r.Alert, r.Annotations["runbook"], want)
			}
			delete(headings, r.Alert)
		}
	}
	if seen < 20 || len(headings) > 0 {
		t.Errorf("%d alerts; of no alert: %v", seen, headings)
	}
}

type dashboard struct {
	Panels     []panel
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	Targets     []struct {
		Expr       string
		Datasource struct{ UID string }
	}
}

// The dashboard goes by metrics that there are, asks the data source that whoever
// imports it picks, and has no panel on another.
func TestDashboard(t *testing.T) {
	var d dashboard
	if err := json.Unmarshal(read(t, dashboardFile), &d); err != nil {
		t.Fatal(err)
	}
	series, cells, ids := nodeSeries(t), map[string]string{}, map[int]bool{}
	for _, v := range d.Templating.List {
		for _, fault := range unknown(series, v.Definition) {
			t.Errorf("variable %s: %s", v.Name, fault)
		}
	}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := fmt.Sprint(p.GridPos.X+x, ",", p.GridPos.Y+y)
				if cells[cell] != "" || p.GridPos.X+x >= 24 {
					t.Errorf("%s has no room at %s: %s", p.Title, cell, cells[cell])
				}
				cells[cell] = p.Title
			}
		}
		if p.Type != "row" && (len(p.Targets) == 0 || p.Datasource.UID != "${datasource}") {
			t.Errorf("%s asks nothing, or the wrong one: %+v", p.Title, p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s asks %q", p.Title, target.Datasource.UID)
			}
			for _, fault := range unknown(series, strings.NewReplacer("$__rate_interval", "5m", "$job", "j", "$channel", "c").Replace(target.Expr)) {
				t.Errorf("%s: %s", p.Title, fault)
			}
		}
	}
	if len(d.Panels) < 20 {
		t.Errorf("%d panels", len(d.Panels))
	}
}

// The page of metrics has those that are read at each scrape, by hand, and
// expressions that go by what there is.
func TestMetricsPage(t *testing.T) {
	page, series := string(read(t, metricsFile)), nodeSeries(t)
	row := func(name, help string) {
		if want := fmt.Sprintf("| `%s` | gauge |  | %s |\n", name, help); !strings.Contains(page, want) {
			t.Errorf("docs/metrics.md lacks %s", want)
		}
	}
	for _, m := range ownSeries {
		row(m.name, m.help)
	}
	for _, m := range ledgerSeries {
		row(m.name, m.help)
	}
	for _, fault := range unknown(series, page) {
		t.Errorf("docs/metrics.md: %s", fault)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
