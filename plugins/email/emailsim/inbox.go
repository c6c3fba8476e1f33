package emailsim

import (
	"bytes"
	"context"
	"net/textproto"
	"slices"
	"sync"
	"time"

	"github.com/jhillyerd/enmime/v2"
)

const keepBytes = 64 << 20

// Message is a mail as it arrived.
type Message struct {
	// From and To are the envelope's.
	From string
	To   []string
	// Raw is the whole mail, after dot-unstuffing.
	Raw []byte
	At  time.Time
	// TLS: it came over a protected line. User is who had logged in.
	TLS  bool
	User string

	// What enmime read in Raw. Faults holds what it found wrong.
	Header    textproto.MIMEHeader
	Subject   string
	MessageID string
	Text      string
	HTML      string
	Faults    []string
}

// inbox keeps the latest messages.
type inbox struct {
	keep int

	mu      sync.Mutex
	kept    []*Message
	bytes   int
	total   int
	changed chan struct{} // closed at the next message
}

// add returns how many messages have arrived.
func (b *inbox) add(m *Message) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, m)
	b.bytes += len(m.Raw)
	for len(b.kept) > b.keep || len(b.kept) > 1 && b.bytes > keepBytes {
		b.bytes -= len(b.kept[0].Raw)
		b.kept[0] = nil
		b.kept = b.kept[1:]
	}
	b.total++
	close(b.changed)
	b.changed = make(chan struct{})
	return b.total
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

// messages reads the mails when somebody looks at them, not on arrival.
func (b *inbox) messages() []Message {
	b.mu.Lock()
	kept := slices.Clone(b.kept)
	b.mu.Unlock()
	all := make([]Message, len(kept))
	for i, m := range kept {
		all[i] = *m
		all[i].parse()
	}
	return all
}

func (m *Message) parse() {
	e, err := enmime.ReadEnvelope(bytes.NewReader(m.Raw))
	if err != nil {
		m.Faults = []string{err.Error()}
		return
	}
	for _, fault := range e.Errors {
		m.Faults = append(m.Faults, fault.Error())
	}
	m.Header = e.Root.Header
	m.Subject, m.MessageID = e.GetHeader("Subject"), e.GetHeader("Message-ID")
	m.Text, m.HTML = e.Text, e.HTML
}

func (b *inbox) wait(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		total, changed := b.total, b.changed
		b.mu.Unlock()
		if total >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
