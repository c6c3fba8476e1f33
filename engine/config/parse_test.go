package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/routes"
)

// An empty file, and one of empty sections, is the documented default.
func TestParseDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "kafka:\nengine: {}\nchannels:\n", "---\n"} {
		c, err := Parse([]byte(text), "x.yaml")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(Default(), c, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q differs from the default:\n%s", text, diff)
		}
	}
}

const whole = `
kafka:
  brokers: [a.example.com:9092, "[::1]:9092"]
  heartbeat: 500ms
  topics: {partitions: 3, retention: {sends: 2d}}
limits: {record: 512KiB}
caps:
  apps:
    "*": {marketing: {most: [3/d, 10/7d], apart: 1h}}
    alarms: {}
  all_apps: {marketing: {most: [5/24h], policy: drop}}
ordering:
  apps:
    "*": {transactional: {longest_wait: 10m, then: expire}, marketing: {longest_wait: 1d}}
    alarms: {}
quiet_hours:
  zone: Europe/Lisbon
  apps:
    "*": {marketing: {hours: 22:00-08:00}}
    shop: {marketing: {hours: 21:30-09:00, policy: next, channels: [sms-gw]}, transactional: {hours: 00:00-06:00}}
    alarms:
late: {marketing: 2h}
routes:
  otp:
    - {prefix: ["+351", "+44"], hours: 08:00-22:00, channels: [sms-gw, "@cheap"]}
    - {by: preference, channels: [sink, sms-gw]}
  cheap: [{by: price, channels: [sms-gw, sink]}]
channels:
  sms-gw:
    plugin: {path: /opt/sms, sha256: "` + sum + `", args: [serve, "7"]}
    on_unknown: hold
    hold_for: 2h
    prices: {"*": 0.05, "+351": 0.031}
    accounts:
      Main.1:
        apps: [shop]
        rate: 600000/m
        app_rate: 100/s
        app_rates: {shop: 7/m}
        campaign_rate: 50/s
        limits: {domain: 10/s, recipient: 1/m}
        settings: {a: 1, b: {c: [x, 2.5, true, null], 7: d}, since: 2026-01-02}
        secrets: {key: env:SMS_KEY}
      other: {rate: 10/h}
  sink: {prices: {"*": 0}}
`

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	c, err := Parse([]byte(whole), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.example.com:9092", "[::1]:9092"}, c.Kafka.Brokers); diff != "" {
		t.Error(diff)
	}
	if c.Kafka.Heartbeat != 500*time.Millisecond || c.Kafka.Topics.Retention.Sends != 48*time.Hour || c.Limits.Record != 512<<10 {
		t.Errorf("units: %+v %+v", c.Kafka, c.Limits)
	}
	wait, night := Quiet{Policy: "wait"}, Quiet{Hours: window(t, "22:00-08:00"), Policy: "wait"}
	quiet := QuietHours{Zone: "Europe/Lisbon", Apps: map[string]QuietApp{
		"*":      {Transactional: wait, Marketing: night},
		"shop":   {Quiet{window(t, "00:00-06:00"), "wait", nil}, Quiet{window(t, "21:30-09:00"), "next", []string{"sms-gw"}}},
		"alarms": {wait, wait}, // it has an entry, and no quiet hours
	}}
	if diff := cmp.Diff(quiet, c.QuietHours, cmp.AllowUnexported(hours.Window{})); diff != "" {
		t.Error(diff)
	}
	drops := DefaultCapApp()
	drops.Marketing = Cap{Most: []CapLimit{{5, day}}, Policy: "drop"}
	capped := Caps{AllApps: drops, Apps: map[string]CapApp{
		"*":      {Transactional: Cap{Policy: "wait"}, Marketing: Cap{Most: []CapLimit{{3, day}, {10, 7 * day}}, Apart: time.Hour, Policy: "wait"}},
		"alarms": DefaultCapApp(), // it has an entry, and no cap
	}}
	if diff := cmp.Diff(capped, c.Caps); diff != "" {
		t.Error(diff)
	}
	order := Ordering{Apps: map[string]OrderApp{
		"*":      {Transactional: OrderWait{10 * time.Minute, "expire"}, Marketing: OrderWait{day, "skip"}},
		"alarms": DefaultOrderApp(), // it has an entry, and no longest wait
	}}
	if diff := cmp.Diff(order, c.Ordering); diff != "" {
		t.Error(diff)
	}
	if c.Late != (Late{Marketing: 2 * time.Hour}) {
		t.Errorf("late: %+v", c.Late)
	}
	otp := Route{
		{Prefix: []string{"+351", "+44"}, Hours: window(t, "08:00-22:00"), Channels: []string{"sms-gw", "@cheap"}},
		{By: "preference", Channels: []string{"sink", "sms-gw"}},
	}
	cheap := Route{{By: "price", Channels: []string{"sms-gw", "sink"}}}
	if diff := cmp.Diff(map[string]Route{"otp": otp, "cheap": cheap}, c.Routes, cmp.AllowUnexported(hours.Window{})); diff != "" {
		t.Error(diff)
	}
	asked := &routes.Table{
		Rules: map[string][]routes.Rule{
			"otp": {
				{Prefixes: otp[0].Prefix, Hours: otp[0].Hours, Channels: otp[0].Channels},
				{By: routes.Preference, Channels: otp[1].Channels},
			},
			"cheap": {{By: routes.Price, Channels: cheap[0].Channels}},
		},
		Prices: map[string]routes.Prices{
			"sms-gw": routes.PricesOf(map[string]float64{"*": 0.05, "+351": 0.031}), "sink": routes.PricesOf(map[string]float64{"*": 0}),
		},
	}
	if diff := cmp.Diff(asked, c.RouteTable(), cmp.AllowUnexported(hours.Window{}, routes.Prices{}), cmpopts.IgnoreFields(routes.Table{}, "Zone")); diff != "" {
		t.Error(diff)
	}
	if zone := c.RouteTable().Zone.String(); zone != "Europe/Lisbon" || Default().RouteTable() != nil {
		t.Error("routes go by the clocks of", zone)
	}
	// What the file leaves out of an entry keeps its default.
	want := DefaultChannel()
	want.Plugin = Plugin{Path: "/opt/sms", SHA256: sum, Args: []string{"serve", "7"}}
	want.OnUnknown, want.HoldFor = "hold", 2*time.Hour
	want.Prices = map[string]Price{"*": 0.05, "+351": 0.031}
	want.Accounts = map[string]Account{
		"Main.1": {
			Apps: []string{"shop"}, Rate: Rate{600000, time.Minute}, Burst: 1000, Weight: 1, Adaptive: true, Breaker: DefaultAccount().Breaker,
			AppRate: Rate{100, time.Second}, AppRates: AppRates{"shop": {7, time.Minute}}, CampaignRate: Rate{50, time.Second},
			Limits:   ValueRates{"domain": {10, time.Second}, "recipient": {1, time.Minute}},
			Settings: map[string]any{"a": 1, "b": map[string]any{"c": []any{"x", 2.5, true, nil}, "7": "d"}, "since": "2026-01-02"},
			Secrets:  map[string]SecretRef{"key": "env:SMS_KEY"},
		},
		"other": {Apps: []string{"*"}, Rate: Rate{10, time.Hour}, Burst: 1, Weight: 1, Adaptive: true, Breaker: DefaultAccount().Breaker},
	}
	if diff := cmp.Diff(want, c.Channels["sms-gw"]); diff != "" {
		t.Error(diff)
	}
	const settings = `{"a":1,"b":{"7":"d","c":["x",2.5,true,null]},"since":"2026-01-02"}`
	if got := string(c.Channels["sms-gw"].Accounts["Main.1"].SettingsJSON()); got != settings {
		t.Errorf("settings %s", got)
	}
	if got := string(c.Channels["sms-gw"].Accounts["other"].SettingsJSON()); got != "{}" {
		t.Errorf("no settings: %s", got)
	}
	// A channel without a plugin is the bundled one of its name.
	if got := c.Channels["sink"].Plugin.Bundled; got != "sink" {
		t.Errorf("plugin of sink: %q", got)
	}
	if got := c.Topic("sends.bulk"); got != "carillon.sends.bulk" {
		t.Error(got)
	}
}

func window(t *testing.T, s string) hours.Window {
	t.Helper()
	w, err := hours.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A name that another part of the file uses by an alias is read; merge keys are
// not, since what wins is not plain to see.
func TestParseAlias(t *testing.T) {
	c, err := Parse([]byte("channels:\n  a: &x {plugin: sink, deadline: 9s}\n  b: *x\n"), "x.yaml")
	if err != nil || c.Channels["b"].Deadline != 9*time.Second {
		t.Errorf("%v %+v", err, c)
	}
}

// All faults of a file come at once, in its order, each one sentence with its
// place.
func TestParseAllFaults(t *testing.T) {
	text := `kafka:
  brokers: [localhost]
  heartbeat: fast
engine:
  window: 0
  drain_timeout: 2m
channels:
  email:
    acounts: {}
    on_unknown: resent
    accounts:
      main: {rate: 80}
`
	want := `carillon.yaml: 7 faults
  kafka.brokers[0] (line 2): "localhost" must be host:port, such as kafka-1.example.com:9092
  kafka.heartbeat (line 3): "fast" must be a duration such as 300ms, 30s, 1h30m or 7d
  engine.window (line 5): is 0; take 1 to 1048576
  engine.drain_timeout (line 6): is 2m; take less than kafka.rebalance_timeout (1m), or a stopping node loses its shards while it drains
  channels.email.acounts (line 9): unknown key; did you mean ` + "`accounts`" + `?
  channels.email.on_unknown (line 10): "resent" is not known here; did you mean ` + "`resend`" + `?
  channels.email.accounts.main.rate (line 12): "80" must be a rate such as 80/s, 600000/m, 10/h or 1000/d`
	_, err := Parse([]byte(text), "carillon.yaml")
	if err == nil {
		t.Fatal("taken")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	var faults *Faults
	var one Fault
	if !errors.As(err, &faults) || len(faults.List) != 7 || !errors.As(err, &one) || one.Line != 2 {
		t.Errorf("faults by type: %+v %+v", faults, one)
	}
}

func TestLoadNoFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--config") {
		t.Error(err)
	}
}

// Every bound in the tags can be read, and every default lies within its bounds
// or is left to Complete.
func TestTags(t *testing.T) {
	c := Default()
	ch := DefaultChannel()
	ch.Accounts = map[string]Account{"main": DefaultAccount()}
	c.Channels = map[string]Channel{"sink": ch}
	c.Complete()
	if err := errors.Join(c.Validate(), c.CheckRun("sink"), c.CheckSecrets()); err != nil {
		t.Error(err)
	}
}

// A document can unfold or hold itself without end.
func TestParseBomb(t *testing.T) {
	bomb := "channels: {a: {accounts: {b: {settings: {x0: &x0 [1,1,1,1,1,1,1,1]"
	for i := 1; i < 9; i++ {
		a, b := string(rune('0'+i)), string(rune('0'+i-1))
		bomb += ", x" + a + ": &x" + a + " [" + strings.Repeat("*x"+b+",", 8) + "]"
	}
	for name, text := range map[string]string{
		"unfolds": bomb + "}}}}}",
		"cycle":   "channels: {a: {accounts: {b: {settings: &s {again: *s, more: *s}}}}}",
	} {
		_, err := Parse([]byte(text), "x.yaml")
		var faults *Faults
		if !errors.As(err, &faults) || !slices.ContainsFunc(faults.List, func(f Fault) bool { return strings.Contains(f.Problem, "fewer aliases") }) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, x := range faulty {
		f.Add([]byte(x.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "fuzz.yaml")
		var faults *Faults
		switch {
		case err == nil:
			if err := c.Validate(); err != nil {
				t.Errorf("parsed, and not valid: %v", err)
			}
		case !errors.As(err, &faults) || c != nil:
			t.Errorf("neither a configuration nor faults: %v", err)
		}
	})
}
