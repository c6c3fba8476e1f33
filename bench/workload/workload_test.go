package workload_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want string // part of the error; "" is none
	}{
		{"an empty file is the default", "", ""},
		{"so is one with a comment alone", "# nothing\n", ""},
		{"every key", `{about: a, sends: 5, seed: 2, topic: sends.bulk, format: protobuf, channel: sink, app: a, class: marketing,
			campaign: c, payload: 0, data_keys: 0, ordered: 1, recipients: {spread: zipf, count: 1, skew: 2},
			provider: {latency: 1s, jitter: 1ms, failures: 0.5, throttles: 0.4, retry_after: 0s}}`, ""},
		{"a key that there is not", "sends: 5\npayloads: 7", "line 2: there is no key payloads here"},
		{"one inside another", "provider:\n  latnecy: 1s", "line 2: there is no key latnecy here"},
		{"a text for a number", "sends: many", "`many` is not a number"},
		{"a number for a time", "provider: {latency: soon}", "`soon` is not a time such as 20ms"},
		{"a list for an object", "recipients: [1]", "is not an object"},
		{"no YAML", "a: b: c", "mapping values are not allowed"},
		{"nothing to send", "sends: 0", "sends: 0; give 1 to 999999999"},
		{"a topic that is none", "topic: bulk", `topic: "bulk" is none; give sends or sends.bulk`},
		{"a channel that nobody answers", "channel: email", `"email" has no provider here; give sink`},
		{"a share above one", "ordered: 2", "ordered: 2 is no share"},
		{"a spread that is none", "recipients: {spread: hot}", "recipients.spread"},
		{"zipf is only for more than 1", "recipients: {skew: 1}", "recipients.skew: 1; give more than 1"},
		{"nothing ever succeeds", "provider: {failures: 0.6, throttles: 0.4}", "leave no attempt that succeeds"},
		{"a time that is negative", "provider: {latency: -1s}", "provider.latency: -1s; give 0s to 1h"},
		{"all faults at once", "sends: 0\npayload: -1", "payload: -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := workload.Parse([]byte(c.text))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v, want %q", w, err, c.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte("sends: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err := workload.Load(path); err != nil || w.Name != "mine" || w.Sends != 3 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := workload.Load("no-such"); err == nil || !strings.Contains(err.Error(), "order-shipped") {
		t.Errorf("%v does not say which there are", err)
	}
}

// The manual shows every key with its default.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	w, err := workload.Parse([]byte(text))
	if err != nil || !ok || w != workload.Default() {
		t.Errorf("the manual's file is %+v, %v; want the default", w, err)
	}
	for _, key := range keys(reflect.TypeFor[workload.Workload]()) {
		if !strings.Contains(text, key+":") {
			t.Errorf("the manual does not have the key %s", key)
		}
	}
	for _, name := range workload.Names() {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("the manual does not have the workload %s", name)
		}
	}
}

func keys(of reflect.Type) (all []string) {
	for f := range of.Fields() {
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		all = append(all, key)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, keys(f.Type)...)
		}
	}
	return all
}

// Those shipped here are read, say what they stand for, and their sends and
// settings are what engine and sink take.
func TestShipped(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) {
			w, err := workload.Load(name)
			if err != nil || w.About == "" || w.Name != name {
				t.Fatalf("%+v, %v", w, err)
			}
			for _, format := range []string{"json", "protobuf"} {
				w.Format = format
				records := w.Records(w.Topic, "t")
				for _, i := range []int{0, 1, w.Sends - 1} {
					s := decode(t, records.Record(i))
					if s.Id != records.ID(i) || len(s.Content.Body) != w.Payload || len(s.Channels) != 1 {
						t.Errorf("%s: the send %d is %v", format, i, s)
					}
				}
			}
			settings, err := json.Marshal(w.Provider.Settings(w.Seed))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sink.New().Open(t.Context(), sdk.AccountConfig{Settings: settings}); err != nil {
				t.Errorf("the sink does not take %s: %v", settings, err)
			}
		})
	}
}

func decode(t testing.TB, rec *kgo.Record) *carillonv1.Send {
	t.Helper()
	headers := make([]send.Header, len(rec.Headers))
	for i, h := range rec.Headers {
		headers[i] = send.Header(h)
	}
	s, notes, err := send.Decode(send.Record{Value: rec.Value, Headers: headers}, send.DefaultLimits())
	if err != nil || len(notes.NearMisses) > 0 {
		t.Fatalf("%s: %v, %v", rec.Value, notes, err)
	}
	return s
}

// The records follow from the workload and the number alone: in any order and
// from any copy they are the same; with another seed they are others.
func TestSameSeedSameRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		records, again := w.Records("sends", "t"), w.Records("sends", "t")
		numbers := rapid.SliceOfN(rapid.IntRange(0, w.Sends-1), 2, 10).Draw(t, "numbers")
		first := map[int]*kgo.Record{}
		for _, i := range numbers {
			first[i] = records.Record(i)
			if n, ok := records.Number(records.ID(i)); !ok || n != i {
				t.Fatalf("%s is number %d, %v", records.ID(i), n, ok)
			}
		}
		for _, i := range slices.Backward(slices.Sorted(maps.Keys(first))) {
			rec := again.Record(i)
			if !bytes.Equal(rec.Key, first[i].Key) || !bytes.Equal(rec.Value, first[i].Value) || rec.Topic != first[i].Topic {
				t.Fatalf("record %d: %s, then %s", i, first[i].Value, rec.Value)
			}
		}
		w.Seed++
		if rec := w.Records("sends", "t").Record(numbers[0]); bytes.Equal(rec.Value, first[numbers[0]].Value) {
			t.Fatalf("seeds %d and %d have the same record %s", w.Seed-1, w.Seed, rec.Value)
		}
	})
}

func draw(t *rapid.T) workload.Workload {
	w := workload.Default()
	w.Sends = rapid.IntRange(1, 1_000_000).Draw(t, "sends")
	w.Seed = rapid.Uint64Range(0, 1<<62).Draw(t, "seed")
	w.Format = rapid.SampledFrom([]string{"json", "protobuf"}).Draw(t, "format")
	w.Payload = rapid.IntRange(0, 3000).Draw(t, "payload")
	w.DataKeys = rapid.IntRange(0, 5).Draw(t, "data keys")
	w.Ordered = rapid.Float64Range(0, 1).Draw(t, "ordered")
	w.Recipients.Spread = rapid.SampledFrom([]string{"each", "even", "zipf"}).Draw(t, "spread")
	w.Recipients.Count = rapid.IntRange(1, 1000).Draw(t, "count")
	return w
}

// An id that is not of the workload has no number.
func TestNumber(t *testing.T) {
	w := workload.Default()
	w.Sends = 10
	records := w.Records("sends", "t")
	for _, id := range []string{
		"", "t", "t-", "x" + records.ID(1), // not of these
		"u" + records.ID(1)[1:],                           // of another workload of the run
		strings.Replace(records.ID(9), "9", "1", 1) + "0", // longer
		w.Records("sends", "t").ID(10),                    // beyond the last
	} {
		if n, ok := records.Number(id); ok {
			t.Errorf("%q is the number %d", id, n)
		}
	}
}

// An id is found in a text, and not in one about others.
func TestFind(t *testing.T) {
	w := workload.Default()
	records := w.Records("sends", "otp")
	for _, c := range []struct {
		name, text string
		found      bool
	}{
		{"an event", `{"id":"` + records.ID(12) + `","kind":"outcome"}`, true},
		{"behind what looks like one", `{"note":"otp-only","id":"` + records.ID(12) + `"}`, true},
		{"at the end", "\x0a" + records.ID(12), true},
		{"an event of another workload", `{"id":"` + w.Records("sends", "bulk").ID(12) + `"}`, false},
		{"half of one", records.ID(12)[:12], false},
		{"nothing", "", false},
	} {
		if i, ok := records.Find([]byte(c.text)); ok != c.found || ok && i != 12 {
			t.Errorf("%s: %d, %v", c.name, i, ok)
		}
	}
}

// A share of ordering keys, and how the recipients are spread, are what was
// asked for.
func TestSpread(t *testing.T) {
	const n = 4000
	w := workload.Default()
	w.Sends, w.Ordered, w.Recipients.Count = n, 0.25, 100
	most := func(spread string) (most, ordered int) {
		w.Recipients.Spread = spread
		counts := map[string]int{}
		records := w.Records("sends", "t")
		for i := range n {
			rec := records.Record(i)
			counts[string(rec.Key)]++
			if decode(t, rec).OrderingKey != "" {
				ordered++
			}
		}
		return slices.Max(slices.Collect(maps.Values(counts))), ordered
	}
	for spread, want := range map[string][2]int{"each": {1, 1}, "even": {40, 90}, "zipf": {500, n}} {
		got, ordered := most(spread)
		if got < want[0] || got > want[1] {
			t.Errorf("%s: one recipient gets %d of %d, want %v", spread, got, n, want)
		}
		if ordered < n/5 || ordered > n*3/10 {
			t.Errorf("%s: %d of %d have an ordering key, want a quarter", spread, ordered, n)
		}
	}
}

// The settings in a report say what a file could.
func TestMap(t *testing.T) {
	w := workload.Default()
	w.Provider.Latency = 20 * time.Millisecond
	if m := w.Map(); m["provider.latency"] != 20*time.Millisecond || m["sends"] != w.Sends {
		t.Error(m)
	}
}
