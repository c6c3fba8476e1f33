package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// shardState is what Kafka tells of a shard.
type shardState struct {
	Shard  int32         `json:"shard"`
	Owner  string        `json:"owner,omitempty"`  // the node, by its client id and host
	Member string        `json:"member,omitempty"` // its id in the group
	Inputs [2]inputState `json:"inputs"`           // sends, sends.bulk
}

// inputState is one input of a shard. Offsets that are not known are null.
type inputState struct {
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	First     int64      `json:"first"`
	End       int64      `json:"end"`
	Committed *int64     `json:"committed"` // the watermark: every record below is finished
	Reserved  *int64     `json:"reserved"`  // no record from here on was begun
	Above     int64      `json:"finishedAbove"`
	Gaps      []run      `json:"finishedRuns,omitempty"`
	Due       *time.Time `json:"parkedDue,omitempty"` // no parked send that falls due later was loaded
	Parked    int        `json:"parkedUnderWay,omitempty"`
	Process   string     `json:"process,omitempty"` // that committed
	Metadata  string     `json:"metadata,omitempty"`
	Lag       int64      `json:"lag"`             // records that are not finished
	Settled   int64      `json:"settled"`         // behind the newest outcome that was looked at; 0: none
	State     string     `json:"state"`           // ok, or quarantined
	Why       string     `json:"why,omitempty"`   // in a word
	Fault     string     `json:"fault,omitempty"` // in a sentence
	Command   string     `json:"command,omitempty"`
	Accepted  *accepted  `json:"accepted,omitempty"`

	verdict  engine.Verdict
	evidence engine.Evidence
}

type run struct {
	From int64 `json:"from"`
	To   int64 `json:"to"` // exclusive
}

// accepted is what an operator said last of an input.
type accepted struct {
	From    int64      `json:"from"`
	By      string     `json:"by"`
	Reason  string     `json:"reason"`
	At      time.Time  `json:"at"`
	Applied *time.Time `json:"applied"` // null: no node has gone by it, or the state was another one by then
	Node    string     `json:"node,omitempty"`
}

// survey reads what Kafka tells of shards.
type survey struct {
	client *kafka.Client
	cfg    *config.Config
	newest int64  // events of `status` to look at
	again  string // the flags that led here, for a command to copy
}

func (s *survey) inputs() []string { return []string{s.cfg.Topic("sends"), s.cfg.Topic("sends.bulk")} }

// shards counts them.
func (s *survey) shards(ctx context.Context) (int, error) {
	counts, err := partitions(ctx, s.client, append(s.inputs(), s.cfg.Topic("status"), s.cfg.Topic("control"))...)
	if err != nil {
		return 0, err
	}
	n := counts[s.cfg.Topic("sends")]
	for _, t := range s.inputs() {
		if counts[t] != n {
			return 0, fmt.Errorf("%s has %d partitions and %s has %d: `carillon topics check` says what to do", s.inputs()[0], n, t, counts[t])
		}
	}
	return n, nil
}

// look reads all about the shards. What is finished is read first, and the end
// of the log last: the engine runs meanwhile, and none of it may look as if it
// were ahead of what it had reserved.
func (s *survey) look(ctx context.Context, ids []int32) ([]shardState, error) {
	table, err := readControl(ctx, s.client, s.cfg)
	if err != nil {
		return nil, err
	}
	histories, err := s.histories(ctx, ids, table)
	if err != nil {
		return nil, err
	}
	var parts []kafka.Partition
	for _, id := range ids {
		for _, t := range s.inputs() {
			parts = append(parts, kafka.Partition{Topic: t, Index: id})
		}
	}
	first, err := s.client.Offsets(ctx, parts, kafka.Earliest)
	if err != nil {
		return nil, err
	}
	group := s.cfg.Kafka.Group
	commits, err := s.client.CommittedOffsets(ctx, group, parts)
	if err != nil {
		return nil, err
	}
	end, err := s.client.Offsets(ctx, parts, kafka.Latest)
	if err != nil {
		return nil, err
	}
	owners, err := s.owners(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]shardState, len(ids))
	for i, id := range ids {
		states[i] = shardState{Shard: id, Owner: owners[id].name(), Member: owners[id].ID}
		var evidence []engine.Evidence
		for in, t := range s.inputs() {
			p := kafka.Partition{Topic: t, Index: id}
			evidence = append(evidence, engine.Evidence{
				Partition: p, Commit: commits[p], First: first[p], End: end[p], Known: histories[i].Known[in], Accepted: table.Acceptance(p),
			})
		}
		for in, v := range engine.Judge(group, histories[i].Ran, evidence...) {
			states[i].Inputs[in] = newInputState(evidence[in], v, s.again)
		}
	}
	return states, nil
}

func (s *survey) histories(ctx context.Context, ids []int32, table *control.Table) ([]engine.History, error) {
	all := make([]engine.History, len(ids))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(8)
	for i, id := range ids {
		reading.Go(func() (err error) {
			var accepted [2]*controlv1.Record
			for in, t := range s.inputs() {
				accepted[in] = table.Acceptance(kafka.Partition{Topic: t, Index: id})
			}
			all[i], err = engine.ReadHistory(ctx, s.client, s.cfg, id, s.newest, accepted)
			return err
		})
	}
	return all, reading.Wait()
}

// owners returns which member has each shard.
func (s *survey) owners(ctx context.Context) (map[int32]member, error) {
	d, err := s.client.DescribeGroup(ctx, s.cfg.Kafka.Group)
	if err != nil {
		return nil, err
	}
	owners := map[int32]member{}
	for _, m := range d.Members {
		for _, p := range m.Partitions {
			owners[p.Index] = member(m)
		}
	}
	return owners, nil
}

type member kafka.DescribedMember

func (m member) name() string {
	if m.ID == "" {
		return ""
	}
	return m.ClientID + "@" + strings.TrimPrefix(m.Host, "/") // Java's way to write an address
}

func newInputState(e engine.Evidence, v engine.Verdict, again string) inputState {
	s := inputState{
		Topic: e.Topic, Partition: e.Index, First: e.First, End: e.End, Metadata: e.Commit.Metadata, Lag: e.End - e.First,
		State: "ok", verdict: v, evidence: e,
	}
	if n := len(e.Known); n > 0 {
		s.Settled = e.Known[n-1].To
	}
	if e.Commit.Offset >= 0 {
		s.Committed = &e.Commit.Offset
		s.Lag = max(0, e.End-e.Commit.Offset)
	}
	if r, err := intake.ParseReservation(e.Commit.Offset, e.Commit.Metadata); err == nil && e.Commit.Offset >= 0 {
		s.Reserved, s.Process, s.Parked = &r.Reserved, r.Owner, r.Parked
		for _, done := range r.Done {
			s.Above += done.To - done.From
			s.Gaps = append(s.Gaps, run(done))
		}
		s.Lag -= s.Above
		if r.Due > 0 {
			due := time.UnixMilli(r.Due)
			s.Due = &due
		}
	}
	if v.Fault != nil {
		s.State, s.Why, s.Fault, s.Command = "quarantined", string(v.Fault.Why), v.Fault.Error()+again, v.Fault.Command()+again
	}
	if a := e.Accepted.GetAcceptance(); a != nil {
		r := e.Accepted
		s.Accepted = &accepted{From: a.From, By: r.By, Reason: r.Reason, At: time.UnixMilli(r.AtMs), Node: a.AppliedBy}
		if a.AppliedMs > 0 {
			at := time.UnixMilli(a.AppliedMs)
			s.Accepted.Applied = &at
		}
	}
	return s
}

// shardFlags choose a group.
type shardFlags struct {
	cluster
	group string
}

func (f *shardFlags) addFlags(cmd *cobra.Command) {
	f.cluster.addFlags(cmd)
	cmd.Flags().StringVar(&f.group, "group", config.Default().Kafka.Group, "the engine's consumer group, in place of the configuration's")
}

// survey connects.
func (f *shardFlags) survey(cmd *cobra.Command, newest int64) (*survey, error) {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return nil, err
	}
	again := f.again()
	if f.set("group") {
		cfg.Kafka.Group = f.group
		again += " --group " + f.group
	}
	return &survey{client, cfg, newest, again}, nil
}
