package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// digits is how many a send's number has in its id; most is the first number
// that is too long.
const (
	digits = 9
	most   = 1_000_000_000
)

// Records makes the records of a workload, each from its number and the seed
// alone: in any order, and as often as wanted. It may be used concurrently.
type Records struct {
	w     Workload
	topic string
	tag   string
	due   func(i int) time.Time
	app   func(i int) string
	// webhook is where every recipient has its endpoint; "": none has one.
	webhook string
}

// Records returns those that go to a topic of that full name. tag begins every
// id: workloads of one run have different ones.
func (w Workload) Records(topic, tag string) Records { return Records{w: w, topic: topic, tag: tag} }

// Due returns the same with a sendAt, which due has for each by its number.
func (r Records) Due(due func(i int) time.Time) Records {
	r.due = due
	return r
}

// Apps returns the same, each of the app that app has for its number.
func (r Records) Apps(app func(i int) string) Records {
	r.app = app
	return r
}

// WithWebhook returns the same records to recipients that have their endpoint at
// url besides.
func (r Records) WithWebhook(url string) Records {
	r.webhook = url
	return r
}

// First returns the first n of them.
func (r Records) First(n int) Records {
	r.w.Sends = n
	return r
}

// Len returns how many there are.
func (r Records) Len() int { return r.w.Sends }

// ID returns the id of the ith send.
func (r Records) ID(i int) string {
	return fmt.Sprintf("%s-%0*d-%08x", r.tag, digits, i, uint32(r.w.Seed))
}

// Number returns which send an id is of; false: it is none of these.
func (r Records) Number(id string) (int, bool) {
	rest, ok := strings.CutPrefix(id, r.tag+"-")
	if !ok || len(rest) < digits {
		return 0, false
	}
	i, err := strconv.Atoi(rest[:digits])
	return i, err == nil && i < r.w.Sends && id == r.ID(i)
}

// Find returns which send a text is about that holds its id, such as a status
// event, without reading it. One of another workload is passed over.
func (r Records) Find(text []byte) (int, bool) {
	tag := []byte(r.tag + "-")
	for at := bytes.Index(text, tag); at >= 0; at = bytes.Index(text, tag) {
		text = text[at:]
		if i, ok := r.Number(string(text[:min(len(text), len(tag)+digits+1+8)])); ok {
			return i, true
		}
		text = text[len(tag):]
	}
	return 0, false
}

// Record returns the ith record: a send as a producer would write it.
func (r Records) Record(i int) *kgo.Record {
	rng := rand.New(rand.NewPCG(r.w.Seed, uint64(i)))
	to := r.recipient(rng, i)
	rec := &kgo.Record{Topic: r.topic, Key: []byte(to)}
	s := r.send(rng, i, to)
	if r.w.Format == "protobuf" {
		rec.Headers = []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/x-protobuf")}}
		value, err := s.MarshalVT()
		if err != nil {
			panic(fmt.Sprintf("a send of our own can't be written: %v", err))
		}
		rec.Value = value
	} else {
		rec.Value = r.json(s)
	}
	return rec
}

func (r Records) recipient(rng *rand.Rand, i int) string {
	switch p := r.w.Recipients; p.Spread {
	case "even":
		i = rng.IntN(p.Count)
	case "zipf":
		i = int(rand.NewZipf(rng, p.Skew, 1, uint64(p.Count-1)).Uint64())
	}
	return fmt.Sprintf("customer-%09d", i)
}

func (r Records) send(rng *rand.Rand, i int, to string) *carillonv1.Send {
	s := &carillonv1.Send{
		Id: r.ID(i), App: r.w.App, Channels: []string{r.w.Channel}, Campaign: r.w.Campaign,
		Class: carillonv1.Class_CLASS_TRANSACTIONAL,
		To: &carillonv1.Recipient{
			Id: to, Email: to + "@example.com", Locale: "pt-PT", TimeZone: "Europe/Lisbon", Webhook: r.webhook,
		},
		Content:  &carillonv1.Content{Title: "Your order is on its way", Body: prose(rng, r.w.Payload)},
		Metadata: []*carillonv1.Pair{{Key: "source", Value: "warehouse"}},
	}
	if r.w.Class == "marketing" {
		s.Class = carillonv1.Class_CLASS_MARKETING
	}
	if rng.Float64() < r.w.Ordered {
		s.OrderingKey = "orders"
	}
	if r.app != nil {
		s.App = r.app(i)
	}
	if r.due != nil {
		s.SendAt = timestamppb.New(r.due(i))
	}
	if r.w.DataKeys > 0 {
		s.Data = data(rng, r.w.DataKeys)
	}
	return s
}

// wire is a send as JSON has it (docs/contract.md).
type wire struct {
	ID          string            `json:"id"`
	App         string            `json:"app"`
	To          wireRecipient     `json:"to"`
	Channels    []string          `json:"channels"`
	Class       string            `json:"class"`
	Campaign    string            `json:"campaign,omitempty"`
	OrderingKey string            `json:"orderingKey,omitempty"`
	SendAt      string            `json:"sendAt,omitempty"`
	Content     wireContent       `json:"content"`
	Data        json.RawMessage   `json:"data,omitempty"`
	Metadata    map[string]string `json:"metadata"`
}

type wireRecipient struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Locale   string `json:"locale"`
	TimeZone string `json:"timeZone"`
	Webhook  string `json:"webhook,omitempty"`
}

type wireContent struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

func (r Records) json(s *carillonv1.Send) []byte {
	sendAt := ""
	if s.SendAt != nil {
		sendAt = s.SendAt.AsTime().Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(wire{
		ID: s.Id, App: s.App, Channels: s.Channels, Class: r.w.Class, Campaign: s.Campaign, OrderingKey: s.OrderingKey, SendAt: sendAt,
		To:       wireRecipient{s.To.Id, s.To.Email, s.To.Locale, s.To.TimeZone, s.To.Webhook},
		Content:  wireContent{s.Content.Title, s.Content.Body},
		Data:     s.Data,
		Metadata: map[string]string{s.Metadata[0].Key: s.Metadata[0].Value},
	})
	if err != nil {
		panic(fmt.Sprintf("a send of our own can't be written: %v", err))
	}
	return text
}
