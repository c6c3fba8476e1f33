package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// requestFlags are those of a command that every node carries out, and answers.
type requestFlags struct {
	cluster
	operator
	app, campaign string
	wait, json    bool
	list          bool
	timeout       time.Duration
}

func (f *requestFlags) addFlags(cmd *cobra.Command, what string) {
	f.cluster.addFlags(cmd)
	f.operator.addFlags(cmd, "why, for the audit")
	s := cmd.Flags()
	s.StringVar(&f.app, "app", "", what+" of this app")
	s.StringVar(&f.campaign, "campaign", "", what+" of this campaign of the app")
	s.BoolVar(&f.wait, "wait", true, "wait until every shard has answered")
	s.DurationVar(&f.timeout, "timeout", time.Minute, "wait no longer than this")
	s.BoolVar(&f.json, "json", false, "write JSON")
}

func (f *requestFlags) check() error {
	switch {
	case f.campaign != "" && f.app == "":
		return usagef("--campaign needs --app: a campaign is one app's")
	case f.timeout <= 0:
		return usagef("--timeout must be more than 0s")
	}
	return f.operator.check()
}

// answerUntil is until when nodes answer.
func (f *requestFlags) answerUntil() int64 { return time.Now().Add(f.timeout).UnixMilli() }

// newRequest names a request.
func newRequest() string { return rand.Text() }

// counts is what became of a request, in all and by shard.
type counts struct {
	Sends    int64         `json:"sends"`
	Late     int64         `json:"too_late"`
	UnderWay int64         `json:"under_way"`
	Unread   int64         `json:"unread"`
	Done     bool          `json:"done"`
	Missing  []int32       `json:"missing,omitempty"` // shards that have not said that they are done
	Shards   []shardCounts `json:"shards"`
}

type shardCounts struct {
	Shard    int32 `json:"shard"`
	Sends    int64 `json:"sends"`
	Late     int64 `json:"too_late"`
	UnderWay int64 `json:"under_way"`
	Unread   int64 `json:"unread"`
	Done     bool  `json:"done"`
}

// ask publishes a record, and waits until all shards have carried it out. That not
// all have in time is no error, and counts say so.
func (f *requestFlags) ask(ctx context.Context, client *kafka.Client, cfg *config.Config, r *controlv1.Record) (counts, error) {
	names := []string{cfg.Topic("control"), cfg.Topic("replies"), cfg.Topic("status")}
	have, err := partitions(ctx, client, names...)
	if err != nil {
		return counts{}, err
	}
	asking := control.Asking{Client: client, Control: names[0], Replies: names[1], Shards: have[names[2]]}
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errTimeout)
	defer cancel()
	if !f.wait {
		return counts{}, control.Publish(ctx, client, names[0], r)
	}
	var sum control.Sum
	err = asking.Ask(ctx, r, func(reply *controlv1.Reply) error { sum.Add(reply); return nil })
	if errors.Is(err, errTimeout) && asking.Missing() != nil {
		err = nil
	}
	return newCounts(&sum, asking.Missing()), err
}

func newCounts(sum *control.Sum, missing []int32) counts {
	t := sum.Total()
	c := counts{Sends: t.Sends, Late: t.Late, UnderWay: t.UnderWay, Unread: t.Unread, Done: missing == nil, Missing: missing}
	for _, s := range sum.Shards() {
		p := s.GetProgress()
		c.Shards = append(c.Shards, shardCounts{s.Shard, p.Sends, p.Late, p.UnderWay, p.Unread, s.Done})
	}
	return c
}

// left says what is not done yet.
func (c *counts) left() string {
	var left []string
	if c.UnderWay > 0 {
		left = append(left, fmt.Sprintf("%d attempts are under way", c.UnderWay))
	}
	if c.Unread > 0 {
		left = append(left, fmt.Sprintf("%d records were there and are not read yet", c.Unread))
	}
	shards := make([]string, 0, len(c.Missing))
	for _, s := range c.Missing {
		shards = append(shards, strconv.Itoa(int(s)))
	}
	return strings.Join(append(left, "not done: shard "+strings.Join(shards, ", ")), "; ")
}

// print shows the shards that have something to say.
func (c *counts) print(cmd *cobra.Command, did string) error {
	rows := [][]string{{"SHARD", strings.ToUpper(did), "TOO LATE", "UNDER WAY", "UNREAD"}}
	for _, s := range c.Shards {
		if s.Sends+s.Late+s.UnderWay+s.Unread > 0 {
			rows = append(rows, []string{
				strconv.Itoa(int(s.Shard)), strconv.FormatInt(s.Sends, 10), strconv.FormatInt(s.Late, 10),
				strconv.FormatInt(s.UnderWay, 10), strconv.FormatInt(s.Unread, 10),
			})
		}
	}
	if len(rows) == 1 {
		return nil
	}
	return table(cmd.OutOrStdout(), rows)
}

// readControl reads the topic `control` as it is now.
func readControl(ctx context.Context, client *kafka.Client, cfg *config.Config) (*control.Table, error) {
	t := control.NewTable(client, cfg.Topic("control"), zerolog.Nop())
	ctx, stop := context.WithTimeout(ctx, connectTimeout)
	defer stop()
	ended := make(chan struct{})
	go func() {
		t.Follow(ctx, func(*controlv1.Record) {})
		close(ended)
	}()
	select {
	case <-t.CaughtUp():
		stop()
		<-ended
		return t, nil
	case <-ended:
		return nil, fmt.Errorf("read %s: %w", cfg.Topic("control"), context.Cause(ctx))
	}
}

// standing returns what stands in `control` of those records that are wanted.
func standing(ctx context.Context, client *kafka.Client, cfg *config.Config, which func(*controlv1.Record) bool) ([]*controlv1.Record, error) {
	if _, err := partitions(ctx, client, cfg.Topic("control")); err != nil {
		return nil, err
	}
	t, err := readControl(ctx, client, cfg)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(t.Records(), func(r *controlv1.Record) bool { return !which(r) }), nil
}

// takeBack writes records that say that others are over, and then that nothing
// is left of them.
func takeBack(ctx context.Context, client *kafka.Client, cfg *config.Config, over ...*controlv1.Record) error {
	topic := cfg.Topic("control")
	keys := make([]string, len(over))
	for i, r := range over {
		keys[i] = control.KeyOf(r)
	}
	if err := control.Publish(ctx, client, topic, over...); err != nil {
		return err
	}
	return control.Forget(ctx, client, topic, keys...)
}
