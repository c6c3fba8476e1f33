package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// refused is a record of the topic `invalid`.
type refused struct {
	Place  string    `json:"place"` // partition/offset in `invalid`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Path   string    `json:"path,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Source string    `json:"source"` // topic/partition/offset that the producer wrote
	Bytes  int       `json:"bytes"`
}

func newRefused(p kafka.Partition, r *kafka.Record) refused {
	return refused{
		Place: strconv.Itoa(int(p.Index)) + "/" + strconv.FormatInt(r.Offset, 10), At: r.Time,
		Reason: ours(r, intake.ReasonHeader), Path: ours(r, intake.PathHeader), Detail: ours(r, intake.DetailHeader),
		Source: ours(r, intake.SourceHeader), Bytes: len(r.Value),
	}
}

// ours returns the first header of that name: the engine's stand before what
// the producer gave.
func ours(r *kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// original returns the record as it was published, and where.
func original(r *kafka.Record) (kafka.Record, place, error) {
	from, ok := parsePlace(ours(r, intake.SourceHeader))
	if !ok {
		return kafka.Record{}, place{}, errors.New("it does not say where it came from: it was not written by the engine")
	}
	rec := kafka.Record{Value: r.Value}
	for _, h := range slices.Backward(r.Headers) { // the engine's key stands last
		if h.Key == intake.KeyHeader {
			rec.Key = h.Value
			break
		}
	}
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, "carillon-") {
			rec.Headers = append(rec.Headers, h)
		}
	}
	return rec, from, nil
}

const invalidLong = `Records that can never be sends go to the topic "invalid": with the reason, the
place where they were published, and their original bytes. A PLACE is
PARTITION/OFFSET in that topic, as "list" shows it.

The bytes are whatever a producer wrote, personal data included: keep the topic
to those who may see that.`

func newInvalid() *cobra.Command {
	return group(&cobra.Command{
		Use:   "invalid",
		Short: "See, show and replay records that are no sends",
		Long:  invalidLong,
		Example: `  carillon invalid list --since 1h
  carillon invalid show 2/41
  carillon invalid replay 2/41`,
	}, newInvalidList(), newInvalidShow(), newInvalidReplay())
}

// choice is which records of `invalid` a command is about.
type choice struct {
	cluster
	reason, since string
}

func (c *choice) addFlags(cmd *cobra.Command) {
	c.cluster.addFlags(cmd)
	cmd.Flags().StringVar(&c.reason, "reason", "", "only those with this reason, such as not_json or missing")
	cmd.Flags().StringVar(&c.since, "since", "", "only those refused since: a time (RFC 3339), or a duration ago, as in 1h or 7d")
}

// each hands over the records of the choice, partition by partition.
func (c *choice) each(cmd *cobra.Command, client *kafka.Client, cfg *config.Config, each func(kafka.Partition, *kafka.Record) error) error {
	since, err := ago("--since", c.since, time.Now())
	if err != nil {
		return err
	}
	return scan(cmd.Context(), client, cfg.Topic("invalid"), since, cmd.ErrOrStderr(), func(p kafka.Partition, r *kafka.Record) error {
		if c.reason != "" && ours(r, intake.ReasonHeader) != c.reason {
			return nil
		}
		return each(p, r)
	})
}

func newInvalidList() *cobra.Command {
	c := &choice{}
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List them, the oldest first",
		Long: `List the records that are no sends, the oldest first: where they are, since
when, why, and where they came from.`,
		Example: `  carillon invalid list --since 1h
  carillon invalid list --reason not_json --limit 0 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit must be 0 (all) or more")
			}
			client, cfg, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			found := []refused{}
			err = c.each(cmd, client, cfg, func(p kafka.Partition, r *kafka.Record) error {
				found = append(found, newRefused(p, r))
				return nil
			})
			if err != nil {
				return err
			}
			return printRefused(cmd, latest(found, limit), len(found), asJSON)
		},
	}
	c.addFlags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "show at most so many, the latest; 0 is all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	return cmd
}

// latest sorts by time and keeps the last n; 0 keeps all.
func latest(found []refused, n int) []refused {
	slices.SortStableFunc(found, func(a, b refused) int { return a.At.Compare(b.At) })
	if n > 0 && len(found) > n {
		return found[len(found)-n:]
	}
	return found
}

func printRefused(cmd *cobra.Command, found []refused, all int, asJSON bool) error {
	if asJSON {
		for _, r := range found {
			if err := printJSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{{"PLACE", "AT", "REASON", "PATH", "FROM", "BYTES", "DETAIL"}}
	for _, r := range found {
		rows = append(rows, []string{
			r.Place, r.At.Local().Format(time.DateTime), r.Reason, dash(r.Path), r.Source, strconv.Itoa(r.Bytes), dash(r.Detail),
		})
	}
	if len(found) < all {
		fmt.Fprintf(cmd.ErrOrStderr(), "the latest %d of %d; --limit shows more\n", len(found), all)
	}
	return table(cmd.OutOrStdout(), rows)
}

// parseLocal reads a PLACE, partition/offset in `invalid`.
func parseLocal(cfg *config.Config, text string) (place, error) {
	topic := cfg.Topic("invalid")
	p, ok := parsePlace(topic + "/" + text)
	if !ok {
		return p, usagef("%q is no place: give PARTITION/OFFSET, as `carillon invalid list` shows it", text)
	}
	return p, nil
}

// find returns the record at a PLACE.
func find(cmd *cobra.Command, client *kafka.Client, cfg *config.Config, text string) (place, *kafka.Record, error) {
	at, err := parseLocal(cfg, text)
	if err != nil {
		return at, nil, err
	}
	counts, err := partitions(cmd.Context(), client, at.Topic)
	if err != nil {
		return at, nil, err
	}
	var r *kafka.Record
	if int(at.Index) < counts[at.Topic] {
		if r, err = fetchOne(cmd.Context(), client, at); err != nil {
			return at, nil, err
		}
	}
	if r == nil {
		return at, nil, fmt.Errorf("there is no record at %s; `carillon invalid list` shows what there is", at)
	}
	return at, r, nil
}
