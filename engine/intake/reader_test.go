package intake

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

// seen implements Observer.
type seen struct {
	mu      sync.Mutex
	records map[send.Format]int
	near    []string
}

func (s *seen) Read(_ string, n int, f send.Format) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = map[send.Format]int{}
	}
	s.records[f] += n
}

func (s *seen) NearMiss(field string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.near = append(s.near, field)
}

const shards = 16

// homeOf finds a recipient whose shard it is.
func homeOf(shard int32) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("u%d", i); kafka.PartitionOf([]byte(id), shards) == shard {
			return id
		}
	}
}

func sendTo(recipient, id string) kafka.Record {
	return kafka.Record{
		Key: []byte(recipient), Time: time.UnixMilli(1_700_000_000_000),
		Value: fmt.Appendf(nil, `{"id":%q,"app":"shop","to":{"id":%q,"email":"a@example.com"},"channels":["email"],"content":{"body":"B"}}`, id, recipient),
	}
}

func newTestReader(o Observer) *Reader {
	return NewReader(kafka.Partition{Topic: "sends", Index: 3}, shards, send.DefaultLimits(), o)
}

// What becomes of a record: where it belongs, where it came from, and why it
// is none.
func TestReaderItems(t *testing.T) {
	home, away := homeOf(3), homeOf(5)
	from := func(sources ...string) []kafka.Header {
		var h []kafka.Header
		for _, s := range sources {
			h = append(h, kafka.Header{Key: SourceHeader, Value: []byte(s)})
		}
		return h
	}
	own := send.Source{Topic: "sends", Partition: 3, Offset: 40}
	for _, c := range []struct {
		name      string
		recipient string
		headers   []kafka.Header
		shard     int32
		source    send.Source
		invalid   string
	}{
		{"at home", home, nil, 3, own, ""},
		{"to be forwarded", away, nil, 5, own, ""},
		{"forwarded to here", home, from("sends/7/12"), 3, send.Source{Topic: "sends", Partition: 7, Offset: 12}, ""},
		{"forwarded and wrong again", away, from("sends/7/12"), 5, send.Source{Topic: "sends", Partition: 7, Offset: 12}, "misplaced"},
		// Anybody may write a header of ours. What can't be the engine's own is
		// no source: it would hide a record behind another one's place.
		{"a source that is no place", home, from("hello"), 3, own, ""},
		{"a source with a partition that is no number", home, from("sends/x/1"), 3, own, ""},
		{"a source with a partition that does not exist", home, from("sends/16/1"), 3, own, ""},
		{"a negative offset", home, from("sends/7/-1"), 3, own, ""},
		{"this partition: nothing is forwarded to where it is", home, from("sends/3/1"), 3, own, ""},
		{"another topic: forwarding stays in the input", home, from("sends.bulk/7/1"), 3, own, ""},
		{"an offset past 64 bits", home, from("sends/7/99999999999999999999"), 3, own, ""},
		{"the engine appends its header: the last one counts", home, from("sends/9/1", "sends/7/12"), 3,
			send.Source{Topic: "sends", Partition: 7, Offset: 12}, ""},
		{"a spoofed one last takes the others with it", home, from("sends/7/12", "oops"), 3, own, ""},
		{"spoofed and misplaced: forwarded like any", away, from("oops"), 5, own, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := sendTo(c.recipient, "k1")
			rec.Offset, rec.Headers = 40, c.headers
			var it Item
			newTestReader(&seen{}).item(&it, &rec)
			if it.Shard != c.shard || it.Source != c.source || it.Offset != 40 || !it.Accepted.Equal(rec.Time) {
				t.Errorf("shard %d source %v, want %d %v", it.Shard, it.Source, c.shard, c.source)
			}
			code := ""
			if it.Invalid != nil {
				code = it.Invalid.Code
			}
			if code != c.invalid || it.Send == nil || it.Send.To.Id != c.recipient {
				t.Errorf("invalid %q, want %q; send %v", code, c.invalid, it.Send)
			}
		})
	}
	t.Run("not a send", func(t *testing.T) {
		rec := kafka.Record{Offset: 40, Key: []byte("k"), Value: []byte("{")}
		var it Item
		newTestReader(&seen{}).item(&it, &rec)
		if it.Send != nil || it.Invalid == nil || it.Shard != 3 || it.Source != own || string(it.Record.Value) != "{" {
			t.Errorf("%+v", it)
		}
	})
}
