package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

type acceptFlags struct {
	shardFlags
	operator
	topic, from string
	past        int64
	anew, wait  bool
	timeout     time.Duration
}

func newShardAccept() *cobra.Command {
	f := &acceptFlags{}
	cmd := &cobra.Command{
		Use:   "accept N --topic TOPIC --reason TEXT",
		Short: "Go on with an input of a shard that is quarantined",
		Long: `Say from where an input of a shard is gone on with that is quarantined. The word
counts for the state that is there now, and once: who resets the offset again is
asked again. It stays in the topic "control", with who gave it and why.

  --from N         go on with record N
  --from earliest  the first record that is left
  --from latest    what is published from now on: all that is there is left out
  --from current   the offset that the group has committed

Without --from it is the highest offset that is known to be safe, as
"carillon shard inspect" has it. Records before it that are not finished are
never sent and have no outcome: the command warns of what it leaves out. Of
those from it on, whatever is finished within the dedupe window is passed over,
and what was finished before is sent again.

Where a node has stopped reading, say at a batch that it can't read, its message
names the flag --past: then what was read before goes on, and nothing but what
is between the two offsets is left out.

Where a topic of sends was deleted and created, other records stand at the
offsets that were finished. --anew says so; none of them is passed over then. It
goes without saying where the log ends before what is known.

The command waits until a node has gone by it. Exit code 3 says that none has in
time: the word stands.`,
		Example: `  carillon shard accept 3 --topic sends --reason "the group's offsets were reset by mistake"
  carillon shard accept 3 --topic sends.bulk --from earliest --reason "retention was too short; ticket 4711"
  carillon shard accept 3 --topic sends --past 120 --from 130 --reason "larger than any send; the producer knows"`,
		Args: oneArg("the number of a shard, as `carillon shard list` shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd, args[0])
		},
	}
	f.shardFlags.addFlags(cmd)
	f.operator.addFlags(cmd, "why, for the audit; required")
	cmd.Flags().StringVar(&f.topic, "topic", "", "the input: sends or sends.bulk; required")
	cmd.Flags().StringVar(&f.from, "from", "", "an offset, current, earliest or latest (default: the highest that is known to be safe)")
	cmd.Flags().Int64Var(&f.past, "past", -1, "the offset at which a node says that it has stopped reading")
	cmd.Flags().BoolVar(&f.anew, "anew", false, "the topic was made anew: what is finished from --from on was other records")
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait until a node has gone by it")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "wait no longer than this")
	completeNames(cmd, "topic", func() []string { return []string{"sends", "sends.bulk"} })
	completeNames(cmd, "from", func() []string { return []string{"current", "earliest", "latest"} })
	return cmd
}

func (f *acceptFlags) check() error {
	switch {
	case f.topic == "":
		return usagef("--topic is needed: sends or sends.bulk")
	case strings.TrimSpace(f.operator.reason) == "":
		return usagef("--reason is needed: why this is right, for who reads it later")
	case f.past >= 0 && f.from == "":
		return usagef("--past needs --from: the node's message has both")
	case f.timeout <= 0:
		return usagef("--timeout must be more than 0s")
	}
	return f.operator.check()
}

func (f *acceptFlags) run(cmd *cobra.Command, number string) error {
	s, err := f.survey(cmd, newestOfOne)
	if err != nil {
		return err
	}
	defer s.client.Close()
	id, err := s.parseShard(cmd.Context(), number)
	if err != nil {
		return err
	}
	state, err := s.lookAt(cmd.Context(), id)
	if err != nil {
		return err
	}
	in, err := state.input(f.topic, s.cfg.Kafka.Prefix)
	if err != nil {
		return err
	}
	a, err := in.accept(f.from, f.past, f.anew)
	if err != nil {
		return err
	}
	r := f.record()
	r.Object = &controlv1.Record_Acceptance{Acceptance: a}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), f.timeout, errTimeout)
	defer cancel()
	if err := control.Publish(ctx, s.client, s.cfg.Topic("control"), r); err != nil {
		return fmt.Errorf("%w; it is safe to try again", err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "accepted: %s/%d goes on from %d\n", in.Topic, id, a.From)
	if q := in.verdict.Fault; q != nil && f.past < 0 && a.From > q.From {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: the records from %d up to %d are left out; those of them that are not finished are never sent and have no outcome\n",
			q.From, a.From-1)
	}
	if !f.wait {
		return nil
	}
	return f.await(ctx, cmd, s, r)
}

// input returns the input of a topic, by its name with or without the prefix.
func (s *shardState) input(topic, prefix string) (*inputState, error) {
	for i := range s.Inputs {
		if in := &s.Inputs[i]; topic == in.Topic || prefix+topic == in.Topic {
			return in, nil
		}
	}
	return nil, usagef("--topic %q is no input of the engine: give sends or sends.bulk", topic)
}

// accept makes what the flags say of the state that was seen.
func (in *inputState) accept(from string, past int64, anew bool) (*controlv1.Acceptance, error) {
	at, err := in.from(from, past)
	if err != nil {
		return nil, err
	}
	a := &controlv1.Acceptance{Topic: in.Topic, Partition: in.Partition, State: engine.Fingerprint(in.evidence.Commit), From: at}
	switch q := in.verdict.Fault; {
	case past >= 0:
		a.State = engine.StoppedAt(past)
	case q != nil && q.Anew:
		a.AnewFrom = &q.AnewFrom
	case anew:
		a.AnewFrom = &a.From
	}
	return a, nil
}

// from reads the flag of that name.
func (in *inputState) from(text string, past int64) (int64, error) {
	q := in.verdict.Fault
	var from int64
	switch text {
	case "":
		if q == nil {
			return 0, usagef("%s/%d is not quarantined, as far as Kafka tells: --from is needed", in.Topic, in.Partition)
		}
		from = q.From
	case "earliest":
		from = in.First
	case "latest":
		from = in.End
	case "current":
		if in.Committed == nil {
			return 0, usagef("--from current: the group has committed no offset for %s/%d", in.Topic, in.Partition)
		}
		from = *in.Committed
	default:
		var err error
		if from, err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, usagef("--from %q is no offset: give a number, current, earliest or latest", text)
		}
	}
	switch {
	case from < in.First || from > in.End:
		return 0, fmt.Errorf("--from %d: the log of %s/%d has the offsets %d to %d", from, in.Topic, in.Partition, in.First, in.End)
	case past >= 0 && from <= past:
		return 0, usagef("--from %d is not behind --past %d", from, past)
	case past < 0 && q == nil && in.Committed != nil:
		return 0, fmt.Errorf("%s/%d is not quarantined, as far as Kafka tells: it goes on from its watermark, %d; where a node has "+
			"stopped reading, its message has the flag --past; to send something again, publish it with a new id",
			in.Topic, in.Partition, *in.Committed)
	}
	return from, nil
}

// await waits until the record comes back with the mark of who has gone by it.
func (f *acceptFlags) await(ctx context.Context, cmd *cobra.Command, s *survey, r *controlv1.Record) error {
	a := r.GetAcceptance()
	p := kafka.Partition{Topic: a.Topic, Index: a.Partition}
	for {
		table, err := readControl(ctx, s.client, s.cfg)
		if err == nil {
			got := table.Acceptance(p)
			switch g := got.GetAcceptance(); {
			case got.GetAtMs() != r.AtMs || g.GetState() != a.State:
				return errors.New("somebody else has said something else meanwhile: `carillon shard inspect` shows what")
			case g.AppliedMs > 0:
				fmt.Fprintf(cmd.ErrOrStderr(), "applied by %s\n", g.AppliedBy)
				return nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
			continue
		}
		if errors.Is(context.Cause(ctx), errTimeout) {
			return &exit{codeTimeout, errors.New("no node has gone by it yet: is the engine running? The word stands, and is gone by when the shard is owned")}
		}
		return context.Cause(ctx)
	}
}
