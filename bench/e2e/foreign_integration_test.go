//go:build integration

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/bench/foreign"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// crowd is 100,000 sends as kcat publishes them, one in a hundred of them broken
// in one of ten ways. want is each send's outcome, by id; refused are the values
// that must end in `invalid`.
type crowd struct {
	records []foreign.Record
	want    map[string]string
	refused map[string]int
}

func newCrowd(from, n int) crowd {
	c := crowd{want: map[string]string{}, refused: map[string]int{}}
	for i := from; i < from+n; i++ {
		id, key := fmt.Sprintf("m%d", i), fmt.Sprintf("u%d", i)
		good := fmt.Sprintf(`{"id":%q,"app":"shop","to":{"id":%q},"channels":["sink"],"content":{"title":"T","body":"B"}}`, id, key)
		if i%100 != 7 {
			c.add(key, good, id, "sent")
			continue
		}
		switch i / 100 % 10 {
		case 0:
			c.refuse(key, good[:len(good)-1]) // cut off
		case 1:
			c.refuse(key, strings.Replace(good, `"title":"T"`, `"title":7`, 1))
		case 2:
			c.refuse(key, strings.Replace(good, `"to":{"id":"`+key+`"},`, "", 1))
		case 3:
			c.refuse(key, strings.Replace(good, `"id":"`+id+`",`, "", 1))
		case 4:
			c.refuse(key, strings.Replace(good, `"B"`, "\"\xff\xfe"+id+"\"", 1))
		case 5:
			c.refuse(key, strings.Replace(good, `"T"`, `"T\r\nBcc: `+id+`"`, 1))
		case 6:
			c.refuse(key, strings.Replace(good, `"content":`, `"data":`+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)+`,"content":`, 1))
		case 7:
			c.add(key, strings.Replace(good, `"sink"`, `"pigeon"`, 1), id, "rejected")
		case 8:
			c.add(key, strings.Replace(good, `"app"`, `"expiresAt":"2020-01-01T00:00:00Z","app"`, 1), id, "expired")
		case 9:
			c.records = append(c.records, foreign.Record{Value: []byte(good)}) // no key: it must arrive all the same
			c.want[id] = "sent"
		}
	}
	return c
}

func (c *crowd) add(key, value, id, outcome string) {
	c.records = append(c.records, foreign.Record{Key: []byte(key), Value: []byte(value)})
	c.want[id] = outcome
}

func (c *crowd) refuse(key, value string) {
	c.records = append(c.records, foreign.Record{Key: []byte(key), Value: []byte(value)})
	c.refused[value]++
}

// 100,000 sends from kcat, half of them with its own partitioner, compared id by
// id with the receiver's own ledger, on both brokers.
func TestHundredThousandFromKcat(t *testing.T) {
	for _, c := range []struct {
		name   string
		broker func(*testing.T) *broker.Broker
	}{
		{"embedded", func(t *testing.T) *broker.Broker {
			b, err := broker.StartEmbedded(t.Context(), broker.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			return b
		}},
		{"Kafka", func(*testing.T) *broker.Broker { return shared }},
	} {
		t.Run(c.name, func(t *testing.T) { hundredThousand(t, newRigOn(t, c.broker(t))) })
	}
}

func hundredThousand(t *testing.T, r *rig) {
	r.start()
	const half = 50_000
	own, murmur := newCrowd(0, half), newCrowd(half, half)
	if err := foreign.KcatProduce(t.Context(), r.broker.Addr(), r.cfg.Topic("sends"), own.records); err != nil {
		t.Fatal(err)
	}
	if err := foreign.KcatProduce(t.Context(), r.broker.Addr(), r.cfg.Topic("sends.bulk"), murmur.records, foreign.Murmur2); err != nil {
		t.Fatal(err)
	}
	got := outcomes(r.statuses(untilOutcomes(len(own.want) + len(murmur.want))))
	received := r.received()
	refused := r.refusedValues(len(own.records) + len(murmur.records) - len(own.want) - len(murmur.want))
	for _, part := range []crowd{own, murmur} {
		for id, state := range part.want {
			if len(got[id]) != 1 || got[id][state] != 1 {
				t.Errorf("%s: outcomes %v, want one %s", id, got[id], state)
			}
			arrived := 0
			if state == "sent" {
				arrived = 1
			}
			if received[id] != arrived {
				t.Errorf("%s arrived %d times, want %d", id, received[id], arrived)
			}
			delete(received, id)
		}
		for value, n := range part.refused {
			if refused[value] != n {
				t.Errorf("%d in invalid, want %d, of %q", refused[value], n, value)
			}
		}
	}
	if len(received) > 0 {
		t.Errorf("%d ids arrived that nobody sent", len(received))
	}
	r.consoleAgrees(len(own.want))
}

// refusedValues counts the values in the topic of what is no send.
func (r *rig) refusedValues(n int) map[string]int {
	r.t.Helper()
	all, err := foreign.KcatRead(r.t.Context(), r.broker.Addr(), r.cfg.Topic("invalid"))
	if err != nil {
		r.t.Fatal(err)
	}
	if len(all) != n {
		r.t.Errorf("%d records in invalid, want %d", len(all), n)
	}
	values := map[string]int{}
	for _, rec := range all {
		values[string(rec.Value)]++
	}
	return values
}

// consoleAgrees reads status events with Kafka's own console consumer.
func (r *rig) consoleAgrees(n int) {
	r.t.Helper()
	records, err := foreign.ConsoleRead(r.t.Context(), r.broker.Addr(), r.cfg.Topic("status"), n)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range records {
		s, err := send.ParseStatus(rec.Value, nil)
		if err != nil || s.Kind == carillonv1.Kind_KIND_UNSPECIFIED || string(rec.Key) != s.Recipient {
			r.t.Fatalf("the console consumer has %q under key %q: %v", rec.Value, rec.Key, err)
		}
	}
}
