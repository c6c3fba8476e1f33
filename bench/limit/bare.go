package limit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/carillonhq/carillon/sdk"
)

// bare is the loop that one writes to send messages to one provider, and no
// more: the yardstick of a channel, which is 1.0. Each connection sends one
// message after the other. The messages are those of the channel: the first one
// that it makes, with another id in it each time. So they have the same size and
// the same fields, and it costs nothing to compose them.
func bare(ctx context.Context, t task, c *clock) error {
	m, err := sample(ctx, t)
	if err != nil {
		return fmt.Errorf("make a message as the channel does: %w", err)
	}
	clients, err := connect(t, m)
	if err != nil {
		return err
	}
	sends := t.Workload.Records("", tag)
	faults := make([]error, len(clients))
	var next atomic.Int64
	var all sync.WaitGroup
	c.begin()
	for k, client := range clients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < sends.Len() && ctx.Err() == nil && faults[k] == nil; i = int(next.Add(1)) - 1 {
				faults[k] = client.send(sends.ID(i))
			}
		})
	}
	all.Wait()
	if err := errors.Join(errors.Join(faults...), ctx.Err()); err != nil {
		return err
	}
	c.end(ctx)
	return nil
}

// client has one connection to the provider, and is used by one goroutine.
type client interface {
	// send returns when the provider has taken the message of that id.
	send(id string) error
}

func connect(t task, m mould) ([]client, error) {
	if t.Channel == Webhook {
		return webhookClients(t, m)
	}
	clients := make([]client, t.Connections)
	for i := range clients {
		var err error
		if clients[i], err = dialSMTP(t.Provider, m.copy()); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// mould is a message that another id can be set into.
type mould struct {
	text []byte
	at   []int // of the id
}

func newMould(text []byte, id string) (mould, error) {
	m := mould{text: text}
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(id))
		if i < 0 {
			break
		}
		m.at = append(m.at, from+i)
		from += i + len(id)
	}
	if len(m.at) == 0 {
		return m, errors.New("the message does not hold the send's id")
	}
	return m, nil
}

func (m mould) copy() mould { return mould{bytes.Clone(m.text), m.at} }

// cast returns the message of that id. It is overwritten by the next.
func (m mould) cast(id string) []byte {
	for _, at := range m.at {
		copy(m.text[at:], id)
	}
	return m.text
}

// sample has the channel itself send the first message, to a provider in this
// process, and returns what that was given.
func sample(ctx context.Context, t task) (m mould, err error) {
	taken := make(chan []byte, 1)
	addr, err := freeAddr()
	if err != nil {
		return m, err
	}
	server, err := startProvider(t.Channel, addr, func(text []byte) { taken <- bytes.Clone(text) })
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	account, err := openChannel(ctx, t.Channel, addr, t.Key)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, account.Close()) }()
	a, err := attempt(t.Workload.Records("", tag).WithWebhook("http://"+addr+"/hook").Record(0), t.Channel, t.Channel)
	if err != nil {
		return m, err
	}
	var verdict sdk.Verdict
	account.Deliver(ctx, sdk.NewBatch([]*sdk.Attempt{a}, func(_ int, v sdk.Verdict) { verdict = v }))
	select {
	case text := <-taken:
		return newMould(text, a.Id)
	default:
		return m, fmt.Errorf("the channel says %v", verdict)
	}
}
