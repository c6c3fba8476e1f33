package limit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// simulator is the provider's process: it takes every message until ctx ends,
// and notes of each which send it is.
func simulator(ctx context.Context, t task, c *clock) error {
	note, err := newRecord(t.Record, t.Workload.Records("", tag))
	if err != nil {
		return err
	}
	server, err := startProvider(t.Channel, t.Provider, note.add)
	if err != nil {
		return errors.Join(err, note.close())
	}
	c.begin()
	<-ctx.Done()
	return errors.Join(server.Close(), note.close())
}

// startProvider starts a channel's simulator, which gives the text of each
// message to take.
func startProvider(channel, addr string, take func(text []byte)) (io.Closer, error) {
	if channel == Webhook {
		return webhooksim.Start(addr, webhooksim.Options{Taken: take})
	}
	return emailsim.Start(addr, emailsim.Options{Keep: 1, Taken: func(m *emailsim.Message) { take(m.Raw) }})
}

// record is the file in which a simulator notes what it took: a line with the id
// for each message, and an empty one for a message without an id of ours. Its
// methods may be called from any goroutine.
type record struct {
	sends workload.Records
	file  *os.File

	mu  sync.Mutex
	out *bufio.Writer
}

func newRecord(path string, sends workload.Records) (*record, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make the record of the simulator: %w", err)
	}
	return &record{sends: sends, file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

// add notes a message by its text, which holds the id before anything that
// looks like one.
func (r *record) add(text []byte) {
	id := ""
	if i, ok := r.sends.Find(text); ok {
		id = r.sends.ID(i)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.out.WriteString(id) // an error stays with the writer until close
	_ = r.out.WriteByte('\n')
}

func (r *record) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.out.Flush(), r.file.Close())
}

// readRecord gives each line of a record to take.
func readRecord(path string, take func(id string)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the record of the simulator: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		take(strings.TrimSuffix(line, "\n"))
	}
	return nil
}
