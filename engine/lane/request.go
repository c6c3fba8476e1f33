package lane

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// request is one request after another in the same memory: a stream's Send has
// encoded it when it returns, and nobody else is shown it.
type request struct{ channelv1.DeliverRequest }

// add gives an attempt to the plugin, and returns the size of its message.
func (r *request) add(a *Attempt) int {
	n := len(r.Attempts)
	if n == cap(r.Attempts) {
		r.Attempts = append(r.Attempts, nil)
	}
	r.Attempts = r.Attempts[:n+1]
	if r.Attempts[n] == nil {
		r.Attempts[n] = new(channelv1.Attempt)
	}
	m, s := r.Attempts[n], a.Send
	*m = channelv1.Attempt{
		Token: a.token, Key: a.Key, Id: s.Id, App: s.App, Recipient: s.To.Id, Address: a.Address,
		Content: s.Content, Data: s.Data, Class: s.Class, Campaign: s.Campaign,
		CollapseKey: s.CollapseKey, Locale: s.To.Locale, Attempt: a.Number, ExpiresMs: a.Expires,
		DeadlineMs: a.deadline, Traceparent: s.Traceparent, Tracestate: s.Tracestate,
	}
	return m.SizeVT()
}

// reset empties the request, and lets go of the sends.
func (r *request) reset() {
	for _, m := range r.Attempts {
		*m = channelv1.Attempt{}
	}
	r.Attempts = r.Attempts[:0]
}

func (l *Lane) begin(a *Attempt, about *About, now time.Time) {
	if !fault.Mutant(fault.ReuseToken) {
		l.token++
	}
	a.token, a.began = l.token, now
	a.deadline = now.Add(about.Deadline).UnixMilli()
	l.open[a.token] = a
	if l.breaker.begin(a.token) {
		l.changed()
	}
	if a.Bulk {
		l.bulkOpen++
	}
}

// forget takes an attempt off that is open no more.
func (l *Lane) forget(a *Attempt) {
	delete(l.open, a.token)
	if a.Bulk {
		l.bulkOpen--
	}
}
