package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

// evidence is what a scenario left behind: what Kafka accepted, what the
// providers saw, what `status` says.
type evidence struct {
	records  []accepted
	attempts []attempt
	outcomes []outcome // of kind outcome, in the order of each partition
	strikes  []strike
	parked   []string                  // keys of `ledger` that are not done
	unread   map[kafka.Partition]int64 // records of the inputs behind the commit
	skipped  map[string]time.Time      // by id: lost its place among those of its ordering key
	halts    halts
	faults   []string
}

// accepted is a record of an input topic.
type accepted struct {
	id, channel      string
	campaign         string
	place            send.Source
	recipient, order string
	sendAt, expires  time.Time
	forwarded        bool // by the engine: the same send again
}

type outcome struct {
	id, event, state, reason string
	source                   send.Source
	at                       time.Time
}

// evidence reads everything anew.
func (s *scenario) evidence() *evidence {
	e := &evidence{unread: map[kafka.Partition]int64{}, skipped: map[string]time.Time{}}
	ends := map[kafka.Partition]int64{}
	s.tail(s.inputs(), func(p kafka.Partition, r *kafka.Record) {
		ends[p] = r.Offset + 1
		e.records = append(e.records, s.record(p, r))
	})
	s.tail(s.partitions("status"), func(p kafka.Partition, r *kafka.Record) { e.outcome(s, r) })
	open := map[string]bool{}
	s.tail(s.partitions("ledger"), func(p kafka.Partition, r *kafka.Record) { open[string(r.Key)] = r.Value != nil })
	for key, is := range open {
		if is {
			e.parked = append(e.parked, strings.ReplaceAll(key, "\x00", "/"))
		}
	}
	commits, err := s.observer.CommittedOffsets(context.Background(), s.config.Kafka.Group, s.inputs())
	if err != nil {
		s.fault("read the commits: %v", err)
	}
	for p, end := range ends {
		if left := end - max(0, commits[p].Offset); left > 0 {
			e.unread[p] = left
		}
	}
	s.providers.mu.Lock()
	defer s.providers.mu.Unlock()
	for _, a := range s.providers.attempts {
		e.attempts = append(e.attempts, *a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.halts = s.halts
	e.strikes, e.faults = slices.Clone(s.strikes), slices.Clone(s.faults)
	return e
}

func (s *scenario) record(p kafka.Partition, r *kafka.Record) accepted {
	var m struct {
		ID          string
		To          struct{ ID string }
		Channels    []string
		Campaign    string
		OrderingKey string
		SendAt      time.Time
		ExpiresAt   time.Time
	}
	if err := json.Unmarshal(r.Value, &m); err != nil {
		s.fault("read %s: %v", p, err)
	}
	a := accepted{
		id: m.ID, campaign: m.Campaign, recipient: m.To.ID, order: m.OrderingKey, sendAt: m.SendAt, expires: m.ExpiresAt,
		place: send.Source{Topic: p.Topic, Partition: p.Index, Offset: r.Offset},
	}
	if len(m.Channels) > 0 {
		a.channel = m.Channels[0]
	}
	a.forwarded = slices.ContainsFunc(r.Headers, func(h kafka.Header) bool { return h.Key == intake.SourceHeader })
	return a
}

func (e *evidence) outcome(s *scenario, r *kafka.Record) {
	m, err := send.ParseStatus(r.Value, r.Headers)
	if err != nil {
		s.fault("read status: %v", err)
		return
	}
	if m.Reason.GetCode() == "order_skipped" {
		e.skipped[m.Id] = m.At.AsTime()
	}
	if send.KindName(m.Kind) != "outcome" {
		return
	}
	o := outcome{id: m.Id, event: m.EventId, state: send.StateName(m.Status), at: r.Time}
	if m.Reason != nil {
		o.reason = m.Reason.Class + ":" + m.Reason.Code
	}
	if m.Source != nil {
		o.source = send.Source{Topic: m.Source.Topic, Partition: m.Source.Partition, Offset: m.Source.Offset}
	}
	e.outcomes = append(e.outcomes, o)
}

// open returns how many records have no outcome yet.
func (e *evidence) open() int {
	done := map[send.Source]bool{}
	for _, o := range e.outcomes {
		done[o.source] = true
	}
	n := 0
	for _, r := range e.records {
		if !r.forwarded && !done[r.place] {
			n++
		}
	}
	return n
}

func (a attempt) String() string {
	text := fmt.Sprintf("%s %s", since(a.at), a.process)
	if a.delivered {
		text += " delivered"
	}
	if !a.answered {
		text += " unanswered"
	}
	return text
}

func since(at time.Time) time.Duration { return at.Sub(epoch).Round(time.Millisecond) }
