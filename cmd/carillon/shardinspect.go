package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newShardInspect() *cobra.Command {
	f := &shardFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect N",
		Short: "Show all that is known of one shard",
		Long: `Show all that Kafka tells of one shard: who owns it, and for each of its two
inputs the log, the group's commit and what it says, what was finished last,
what an operator accepted, and where it is quarantined, why, and the way out.`,
		Example: `  carillon shard inspect 3
  carillon shard inspect 3 --json | jq .inputs`,
		Args: oneArg("the number of a shard, as `carillon shard list` shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.survey(cmd, newestOfOne)
			if err != nil {
				return err
			}
			defer s.client.Close()
			id, err := s.parseShard(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			state, err := s.lookAt(cmd.Context(), id)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), state)
			}
			return printShard(cmd, state)
		},
	}
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func printShard(cmd *cobra.Command, s *shardState) error {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "shard %d, owned by %s\n", s.Shard, s.owner())
	for i := range s.Inputs {
		in := &s.Inputs[i]
		fmt.Fprintf(out, "\n%s/%d: %s\n", in.Topic, in.Partition, in.State)
		if err := table(out, in.rows()); err != nil {
			return err
		}
		if in.Fault != "" {
			fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(in.Fault, "; ", ";\n  "))
		}
	}
	return nil
}

func (s *shardState) owner() string {
	if s.Owner == "" {
		return "nobody"
	}
	return s.Owner + ", member " + s.Member
}

// rows is an input as a table for people.
func (in *inputState) rows() [][]string {
	var rows [][]string
	add := func(name, format string, args ...any) {
		rows = append(rows, []string{"  " + name, fmt.Sprintf(format, args...)})
	}
	add("log", "offsets %d to %d", in.First, in.End)
	if in.Committed == nil {
		add("watermark", "none is committed")
	} else {
		add("watermark", "%d: every record below is finished", *in.Committed)
	}
	if in.Reserved != nil {
		add("reserved", "%d: none from here on was begun", *in.Reserved)
		add("above", "%d records are finished above the watermark%s", in.Above, runsText(in.Gaps))
		add("process", "%s", dash(in.Process))
	}
	if in.Due != nil {
		add("parked", "none that falls due after %s was taken up, and no more than %d were under way", in.Due.Local().Format(time.DateTime), in.Parked)
	}
	add("lag", "%d records", in.Lag)
	if in.Settled > 0 {
		add("settled", "%d is the last record that is known to be finished", in.Settled-1)
	}
	if a := in.Accepted; a != nil {
		add("accepted", "to go on from %d, by %s at %s: %s", a.From, a.By, a.At.Local().Format(time.DateTime), dash(a.Reason))
		if a.Applied != nil {
			add("applied", "at %s by %s", a.Applied.Local().Format(time.DateTime), a.Node)
		} else {
			add("applied", "not yet, or never: it counts for the state that was accepted alone")
		}
	}
	return rows
}

// runsText lists runs of offsets, the first few.
func runsText(runs []run) string {
	const most = 8
	var parts []string
	for i, r := range runs {
		switch {
		case i == most:
			return ": " + strings.Join(parts, ", ") + ", …"
		case r.To == r.From+1:
			parts = append(parts, strconv.FormatInt(r.From, 10))
		default:
			parts = append(parts, fmt.Sprintf("%d to %d", r.From, r.To-1))
		}
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
