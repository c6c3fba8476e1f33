package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const shardLong = `A shard is partition N of every topic that sends go through. One node owns it,
and commits how far it is: the watermark, up to where it may begin, and what is
finished above the watermark.

Where that commit can't be gone by (the offset was reset or has vanished, it has
gone back, retention has overtaken it, the topic was made anew) no node sends
anything of that input. It is quarantined, until somebody says how to go on:
"carillon shard accept". All other shards go on meanwhile.`

func newShard() *cobra.Command {
	return group(&cobra.Command{
		Use:   "shard",
		Short: "See shards, and go on with one that is quarantined",
		Long:  shardLong,
		Example: `  carillon shard list
  carillon shard inspect 3
  carillon shard accept 3 --topic sends --from 4711 --reason "the offsets were reset by mistake"`,
	}, newShardList(), newShardInspect(), newShardAccept())
}

// How many of the newest events of a shard are looked at for what is finished:
// enough to see that a commit has gone back, and enough to find what was still
// open then.
const (
	newestOfMany = 1000
	newestOfOne  = 1 << 16
)

func newShardList() *cobra.Command {
	f := &shardFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all shards, one per line",
		Long: `List all shards: the node that owns each, and of "sends" and "sends.bulk", with
a slash between, the watermark that is committed, up to where records may be
begun, how many are finished above the watermark, and how many are not finished.

The state is judged by what Kafka tells. What one node alone knows, such as a
batch that it can't read, is on its /readyz.`,
		Example: `  carillon shard list
  carillon shard list --config carillon.yaml --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.survey(cmd, newestOfMany)
			if err != nil {
				return err
			}
			defer s.client.Close()
			n, err := s.shards(cmd.Context())
			if err != nil {
				return err
			}
			ids := make([]int32, n)
			for i := range ids {
				ids[i] = int32(i)
			}
			states, err := s.look(cmd.Context(), ids)
			if err != nil {
				return err
			}
			return printShards(cmd, states, asJSON)
		},
	}
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per shard and line")
	return cmd
}

func printShards(cmd *cobra.Command, states []shardState, asJSON bool) error {
	out := cmd.OutOrStdout()
	rows := [][]string{{"SHARD", "OWNER", "WATERMARK", "RESERVED", "ABOVE", "LAG", "STATE"}}
	for _, s := range states {
		if asJSON {
			if err := printJSON(out, s); err != nil {
				return err
			}
			continue
		}
		both := func(figure func(*inputState) string) string { return figure(&s.Inputs[0]) + "/" + figure(&s.Inputs[1]) }
		rows = append(rows, []string{
			strconv.Itoa(int(s.Shard)), dash(s.Owner),
			both(func(i *inputState) string { return offsetText(i.Committed) }), both(func(i *inputState) string { return offsetText(i.Reserved) }),
			both(func(i *inputState) string { return strconv.FormatInt(i.Above, 10) }),
			both(func(i *inputState) string { return strconv.FormatInt(i.Lag, 10) }), s.state(),
		})
	}
	if asJSON {
		return nil
	}
	return table(out, rows)
}

// offsetText shows an offset.
func offsetText(offset *int64) string {
	if offset == nil {
		return "-"
	}
	return strconv.FormatInt(*offset, 10)
}

// state is that of both inputs in a few words.
func (s *shardState) state() string {
	var faults []string
	for _, in := range s.Inputs {
		if in.Why != "" {
			faults = append(faults, in.Topic+": "+in.Why)
		}
	}
	if faults == nil {
		return "ok"
	}
	return "quarantined: " + strings.Join(faults, ", ")
}

// parseShard reads the number of a shard that there is.
func (s *survey) parseShard(ctx context.Context, text string) (int32, error) {
	n, err := s.shards(ctx)
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 0 || id >= int64(n) {
		return 0, usagef("%q is no shard: give a number from 0 to %d, as `carillon shard list` shows them", text, n-1)
	}
	return int32(id), nil
}

// lookAt reads all about one shard.
func (s *survey) lookAt(ctx context.Context, id int32) (*shardState, error) {
	states, err := s.look(ctx, []int32{id})
	if err != nil {
		return nil, err
	}
	if len(states) != 1 {
		return nil, fmt.Errorf("nothing is known of shard %d", id)
	}
	return &states[0], nil
}
