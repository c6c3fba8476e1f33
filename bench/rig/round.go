package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/kafka"
)

// Round is one pass over the input. It has its own directory and consumer
// group, and every topic but those of the sends is new.
type Round struct {
	Rig        *Rig
	Dir, Group string
	Nodes      []*Node // in the order of their start
	// Provider gives each attempt that the provider has noted to take, where that
	// is another than the nodes' sinks; nil where it is not.
	Provider func(take func(id string, reached bool)) error

	ended chan error
}

// Ended gets the name of a node that ended without having been asked to.
func (d *Round) Ended() <-chan error { return d.ended }

// Begin makes everything but the sends anew. The round before is closed.
func (r *Rig) Begin(ctx context.Context) (*Round, error) {
	return r.begin(ctx, r.Topic("sends"), r.Topic("sends.bulk"))
}

// BeginEmpty makes everything anew, the sends included.
func (r *Rig) BeginEmpty(ctx context.Context) (*Round, error) { return r.begin(ctx) }

// begin keeps some topics.
func (r *Rig) begin(ctx context.Context, keep ...string) (*Round, error) {
	r.rounds++
	round := &Round{Rig: r, Group: fmt.Sprintf("%sround-%d", r.Topics.Kafka.Prefix, r.rounds), ended: make(chan error, 1)}
	round.Dir = filepath.Join(r.Dir, fmt.Sprintf("round-%d", r.rounds))
	if err := os.Mkdir(round.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the round's directory: %w", err)
	}
	if r.rounds == 1 {
		return round, nil // all is new
	}
	specs := slices.DeleteFunc(r.topics(), func(t kafka.TopicSpec) bool { return slices.Contains(keep, t.Name) })
	if err := r.deleteTopics(ctx, specs); err != nil {
		return nil, err
	}
	if err := r.client.CreateTopics(ctx, specs); err != nil {
		return nil, fmt.Errorf("make the topics of the round: %w", err)
	}
	for _, t := range specs {
		if err := r.awaitEmpty(ctx, t.Name); err != nil {
			return nil, err
		}
	}
	return round, nil
}

func (r *Rig) deleteTopics(ctx context.Context, specs []kafka.TopicSpec) error {
	admin := &kafkago.Client{Addr: kafkago.TCP(r.Broker.Addr)}
	old := &kafkago.DeleteTopicsRequest{}
	for _, t := range specs {
		old.Topics = append(old.Topics, t.Name)
	}
	res, err := admin.DeleteTopics(ctx, old)
	if err != nil {
		return fmt.Errorf("delete the topics of the last round: %w", err)
	}
	for topic, err := range res.Errors {
		if err != nil {
			return fmt.Errorf("delete the topic %s: %w", topic, err)
		}
	}
	return nil
}

// awaitEmpty waits until the broker serves a topic made anew: one of that name
// was deleted a moment ago, and Apache Kafka takes its time over both.
func (r *Rig) awaitEmpty(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		n, err := r.Written(ctx, topic)
		switch {
		case err == nil && n == 0:
			return nil
		case err != nil && ctx.Err() == nil && !kafka.Retriable(err):
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the new topic %s, which has %d records: %w", topic, n, errors.Join(ctx.Err(), err))
		}
	}
}

// Start starts a node of the round and waits until it is ready. It runs with
// configs/bench.yaml and what change (nil for nothing) does to that.
func (d *Round) Start(ctx context.Context, name string, change func(Config)) (*Node, error) {
	n, err := d.launch(name, change)
	if err != nil {
		return nil, err
	}
	return n, n.AwaitReady(ctx)
}

// StartAll starts n nodes at once, node-0 and so on, and waits until all are
// ready.
func (d *Round) StartAll(ctx context.Context, n int, change func(Config)) error {
	for i := range n {
		if _, err := d.launch(fmt.Sprintf("node-%d", i), change); err != nil {
			return err
		}
	}
	return d.AwaitReady(ctx)
}

// AwaitReady returns when every node of the round is ready.
func (d *Round) AwaitReady(ctx context.Context) error {
	for _, n := range d.Nodes {
		if err := n.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *Round) launch(name string, change func(Config)) (*Node, error) {
	n, err := NewNode(d.Dir, name, d.Rig.Command)
	if err != nil {
		return nil, err
	}
	n.Ended = func(name string, how *os.ProcessState) {
		select {
		case d.ended <- fmt.Errorf("%s ended by itself (%v); its log is %s", name, how, n.Log):
		default: // one is enough
		}
	}
	c, err := d.config(n)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(c)
	}
	_, text, err := c.parse(n.Config)
	if err != nil {
		return nil, err
	}
	if err := n.Write(text); err != nil {
		return nil, err
	}
	d.Nodes = append(d.Nodes, n)
	return n, n.Start()
}

// config returns a node's, from configs/bench.yaml.
func (d *Round) config(n *Node) (Config, error) {
	c, err := shipped()
	if err != nil {
		return nil, err
	}
	for _, change := range d.Rig.Changes {
		change(c)
	}
	k := d.Rig.Topics.Kafka
	c.Set(k.Brokers, "kafka", "brokers")
	c.Set(k.Prefix, "kafka", "prefix")
	c.Set(k.Topics.Partitions, "kafka", "topics", "partitions")
	c.Set(d.Group, "kafka", "group")
	c.Set(n.Name, "kafka", "client_id")
	c.Set(n.Data, "data")
	c.Set(n.HTTP, "http", "listen")
	c.Set(n.Ledger, "channels", "sink", "accounts", "main", "settings", "ledger")
	return c, nil
}

// Restart starts the nodes again, with their disks, after Close.
func (d *Round) Restart(ctx context.Context) error {
	for _, n := range d.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	return d.AwaitReady(ctx)
}

// Processes returns those of the nodes, of their plugins, and of a broker that
// was started here. The nodes are ready.
func (d *Round) Processes() ([]Watched, error) {
	var all []Watched
	for _, n := range d.Nodes {
		all = append(all, Watched{Role: "engine", Name: n.Name, PID: n.Process().PID()})
		plugins, err := n.Plugins()
		if err != nil {
			return nil, fmt.Errorf("find the plugins of %s: %w", n.Name, err)
		}
		for _, pid := range plugins {
			all = append(all, Watched{Role: "plugin", Name: n.Name + "'s plugin", PID: pid})
		}
	}
	return append(all, d.Rig.Broker.Processes()...), nil
}

// Close stops the nodes in good order, all at once.
func (d *Round) Close() error {
	faults := make([]error, len(d.Nodes))
	var all sync.WaitGroup
	for i, n := range d.Nodes {
		all.Go(func() { faults[i] = n.Stop(time.Minute) })
	}
	all.Wait()
	return errors.Join(faults...)
}

// Ledgers returns the files in which the nodes' provider has noted each attempt.
func (d *Round) Ledgers() []string {
	var files []string
	for _, n := range d.Nodes {
		files = append(files, n.Ledger)
	}
	return files
}
