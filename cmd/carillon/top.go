package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

type topFlags struct {
	questions
	interval   time.Duration
	once, json bool
}

func newTop() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the whole cluster: rates, lanes, limits in use, lag, restarts",
		Long: `Watch all nodes in one terminal: what they read and end a second, how far they
are behind, what is parked and in doubt, memory and restarts; and for each lane
what waits, how much of its limit is in use, and what holds it. Lanes that are
held or have something waiting stand first. q or Ctrl-C leaves.

Each --interval all nodes are asked through Kafka, and what does not answer
within --timeout is named. Rates are between two answers of the same process.

With --once, or where the standard output is no terminal, two looks are taken,
and what they show is printed. --json prints each look as one line.`,
		Example: `  carillon top
  carillon top --once
  carillon top --json --interval 10s | jq -c '{at, sent: .outcomesPerSecond.sent}'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.interval < 200*time.Millisecond {
				return usagef("--interval must be 200ms or more")
			}
			return f.run(cmd)
		},
	}
	f.cluster.addFlags(cmd)
	s := cmd.Flags()
	s.DurationVar(&f.timeout, "timeout", 3*time.Second, "how long to wait for the nodes' answers")
	s.DurationVar(&f.interval, "interval", 2*time.Second, "time between two looks")
	s.BoolVar(&f.once, "once", false, "print what there is, and leave")
	s.BoolVar(&f.json, "json", false, "write JSON, one object per look")
	return cmd
}

func (f *topFlags) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	client, cfg, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	look := func(before *snapshot) (*snapshot, error) { return f.look(ctx, client, cfg, before) }
	out := cmd.OutOrStdout()
	switch {
	case f.json && !f.once:
		err = f.follow(ctx, look, func(s *snapshot) error { return printJSON(out, s) })
	case f.json || f.once || !isTerminal(out):
		var s *snapshot
		if s, err = f.twice(ctx, look); err != nil {
			return err
		}
		if f.json {
			err = printJSON(out, s)
		} else {
			_, err = fmt.Fprint(out, s.text(0, 0))
		}
		if err == nil && len(s.Missing) > 0 {
			err = &exit{codeTimeout, errors.New(s.silence)}
		}
	default:
		m := topModel{look: look, interval: f.interval}
		_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithOutput(out), tea.WithInput(cmd.InOrStdin()), tea.WithoutSignalHandler()).Run()
		if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
			err = nil
		}
	}
	return err
}

func (f *topFlags) look(ctx context.Context, client *kafka.Client, cfg *config.Config, before *snapshot) (*snapshot, error) {
	a, err := f.ask(ctx, client, cfg, &controlv1.Query{Question: &controlv1.Query_Lanes{Lanes: &controlv1.Lanes{}}}, nil)
	if err != nil {
		return nil, err
	}
	return newSnapshot(a, before, time.Now()), nil
}

// twice looks twice, so that there are rates.
func (f *topFlags) twice(ctx context.Context, look func(*snapshot) (*snapshot, error)) (*snapshot, error) {
	s, err := look(nil)
	if err == nil {
		if err = wait(ctx, f.interval); err == nil {
			s, err = look(s)
		}
	}
	return s, err
}

// follow looks until ctx ends.
func (f *topFlags) follow(ctx context.Context, look func(*snapshot) (*snapshot, error), each func(*snapshot) error) error {
	var s *snapshot
	for {
		next, err := look(s)
		if err == nil {
			s, err = next, each(next)
		}
		if err == nil {
			err = wait(ctx, f.interval)
		}
		if err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
