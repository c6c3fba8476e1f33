package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

type replayFlags struct {
	choice
	all, dry bool
}

func newInvalidReplay() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay PLACE|--all",
		Short: "Publish them again, as they were",
		Long: `Publish a record again to the topic that it came from, with its original key,
value and headers: after the engine learnt to read it, or its limits were
raised. A record that is still no send comes back to "invalid", at a new place.

Nothing is removed from "invalid". The send keeps its id, so that one that is
replayed twice is delivered once.`,
		Example: `  carillon invalid replay 2/41
  carillon invalid replay --all --reason too_large --since 2h --dry-run`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.all && len(args) > 0 || !f.all && len(args) != 1 {
				return usagef("give either a PLACE, as `carillon invalid list` shows it, or --all")
			}
			if len(args) == 1 && (f.reason != "" || f.since != "") {
				return usagef("--reason and --since choose among --all; a PLACE is one record already")
			}
			return f.run(cmd, args)
		},
	}
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all of them, or those that --reason and --since choose")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "only say what would be done")
	return cmd
}

func (f *replayFlags) run(cmd *cobra.Command, args []string) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	r := &replay{cmd: cmd, cfg: cfg, client: client, dry: f.dry, out: newWriter(client)}
	defer r.out.close()
	if !f.all {
		at, rec, err := find(cmd, client, cfg, args[0])
		if err != nil {
			return err
		}
		return r.record(at.Partition, rec)
	}
	if err := f.each(cmd, client, cfg, r.record); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "records replayed: %d\n", r.done)
	return nil
}

// replay publishes records again.
type replay struct {
	cmd    *cobra.Command
	cfg    *config.Config
	client *kafka.Client
	out    *writer
	dry    bool
	done   int
}

func (r *replay) record(p kafka.Partition, rec *kafka.Record) error {
	at := place{p, rec.Offset}
	to, was, err := r.target(rec)
	if err != nil {
		return fmt.Errorf("replay %s: %w", at, err)
	}
	r.done++
	if r.dry {
		fmt.Fprintf(r.cmd.OutOrStdout(), "%d/%d would go to %s\n", p.Index, rec.Offset, to)
		return nil
	}
	offset, err := r.out.write(r.cmd.Context(), to, was)
	if err != nil {
		return fmt.Errorf("replay %s: %w", at, err)
	}
	fmt.Fprintf(r.cmd.OutOrStdout(), "%d/%d went to %s\n", p.Index, rec.Offset, place{to, offset})
	return nil
}

// target returns where a record goes: by its key, or without one to the
// partition that it came from.
func (r *replay) target(rec *kafka.Record) (kafka.Partition, kafka.Record, error) {
	was, from, err := original(rec)
	if err != nil {
		return from.Partition, was, err
	}
	if from.Topic != r.cfg.Topic("sends") && from.Topic != r.cfg.Topic("sends.bulk") {
		return from.Partition, was, errors.New("it came from " + from.Topic + ", which is no input of this engine; is --prefix right?")
	}
	counts, err := partitions(r.cmd.Context(), r.client, from.Topic)
	if err != nil {
		return from.Partition, was, err
	}
	to := from.Partition
	if was.Key != nil {
		to.Index = kafka.PartitionOf(was.Key, counts[from.Topic])
	}
	return to, was, nil
}
