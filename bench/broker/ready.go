package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/bench/process"
)

// ready returns when the broker at addr answers a metadata request with a
// broker in it (Apache Kafka answers with none until it is registered), and
// fails at once when the process ends.
func ready(ctx context.Context, p *process.Process, addr string) error {
	poll := time.NewTicker(25 * time.Millisecond)
	defer poll.Stop()
	for {
		err := ask(ctx, addr)
		if err == nil && p.Running() {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("it ended (%s)", p.State())
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w; the last try: %w", context.Cause(ctx), err)
		case <-poll.C:
		}
	}
}

// ask makes one metadata request on a connection of its own. kafka-go's Client
// would wait for seconds after a refused connection before it tries again.
func ask(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	brokers, err := conn.Brokers()
	if err == nil && len(brokers) == 0 {
		err = errors.New("no broker is registered")
	}
	return err
}

// tail returns the last lines of a log, or why there are none.
func tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	const most = 4 << 10
	if len(text) > most {
		text = text[len(text)-most:]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text
}
