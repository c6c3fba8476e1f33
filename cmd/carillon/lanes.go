package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

func newLanes() *cobra.Command {
	q := &questions{}
	var channel string
	var byNode, asJSON bool
	cmd := &cobra.Command{
		Use:   "lanes",
		Short: "Show what waits for each account, and what holds it",
		Long: `Show each lane (one account of a channel), of all nodes together: how many
urgent and bulk sends wait in it, how many attempts are with the plugins and how
many more those take, what may go a second now and of what, what is parked for
it on disk and how near that is to its bound, and what holds it: a provider that
wants to be left alone, a breaker, an operator's pause, other limits, a plugin
that is down.

All nodes are asked through Kafka. What did not answer in time is named, and the
exit code is 3 then.`,
		Example: `  carillon lanes
  carillon lanes --channel sms --by-node
  carillon lanes --json | jq 'select(.parkedShare > 0.5)'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, cfg, err := q.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			a, err := q.ask(cmd.Context(), client, cfg, &controlv1.Query{Question: &controlv1.Query_Lanes{Lanes: &controlv1.Lanes{}}}, nil)
			if err != nil {
				return err
			}
			rows := slices.DeleteFunc(a.lanes(byNode), func(l laneRow) bool { return channel != "" && l.Channel != channel })
			if err := printLanes(cmd, rows, byNode, asJSON); err != nil {
				return err
			}
			if silence := a.silence(); silence != "" {
				return &exit{codeTimeout, fmt.Errorf("%s", silence)}
			}
			return nil
		},
	}
	q.addFlags(cmd)
	cmd.Flags().StringVar(&channel, "channel", "", "only those of this channel")
	cmd.Flags().BoolVar(&byNode, "by-node", false, "show each node's part")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	completeNames(cmd, "channel", q.channelNames)
	return cmd
}

// laneRow is one account, on one node or on all.
type laneRow struct {
	Channel string   `json:"channel"`
	Account string   `json:"account"`
	Apps    []string `json:"apps"`
	Nodes   []string `json:"nodes"`
	Urgent  int64    `json:"urgent"`
	Bulk    int64    `json:"bulk"`
	Open    int64    `json:"open"`
	Credits int64    `json:"credits"`
	// Rate is the account's, a second, 0 is none; RateNow is what may go now.
	Rate         float64 `json:"rate"`
	RateNow      float64 `json:"rateNow"`
	ParkedUrgent int64   `json:"parkedUrgent"`
	ParkedBulk   int64   `json:"parkedBulk"`
	ParkedShare  float64 `json:"parkedShare"` // of what may be
	// Held are the things that hold it, a phrase each.
	Held []string `json:"held"`
	// Attempts that were answered a second, and throttled of them: for top.
	AttemptsPerSecond  float64 `json:"attemptsPerSecond,omitempty"`
	ThrottledPerSecond float64 `json:"throttledPerSecond,omitempty"`
}

func newLaneRow(node string, l *controlv1.LaneState) laneRow {
	r := laneRow{
		Channel: l.Channel, Account: l.Account, Apps: l.Apps, Nodes: []string{shortNode(node)},
		Urgent: l.Urgent, Bulk: l.Bulk, Open: l.Open, Credits: l.Credits, Rate: l.Rate, RateNow: l.RateNow,
		ParkedUrgent: l.ParkedUrgent, ParkedBulk: l.ParkedBulk, ParkedShare: l.ParkedShare, Held: []string{},
	}
	until := func(ms int64) string { return time.UnixMilli(ms).Local().Format(time.TimeOnly) }
	hold := func(is bool, format string, args ...any) {
		if is {
			r.Held = append(r.Held, fmt.Sprintf(format, args...))
		}
	}
	hold(!l.PluginUp, "plugin down")
	hold(l.PausedBy != "", "paused by %s", l.PausedBy)
	hold(l.Breaker == "open", "breaker open (%s), next probe at %s", l.BreakerReason, until(l.BreakerUntilMs))
	hold(l.Breaker != "" && l.Breaker != "open", "breaker %s", l.Breaker)
	hold(l.PausedUntilMs > 0, "provider wants a pause until %s", until(l.PausedUntilMs))
	for _, of := range slices.Sorted(maps.Keys(l.Limited)) {
		hold(true, "limit by %s keeps %s", of, count(l.Limited[of]))
	}
	hold(l.Lowered, "rate lowered by throttles or warm-up")
	hold(l.Lapsed && l.Share > 0, "no lease")
	return r
}

// lanes are those of all nodes, or each node's.
func (a *answers) lanes(byNode bool) []laneRow {
	var rows []laneRow
	for _, name := range a.names() {
		for _, l := range a.nodes[name].Lanes {
			row := newLaneRow(name, l)
			at := slices.IndexFunc(rows, func(r laneRow) bool { return r.Channel == row.Channel && r.Account == row.Account })
			if at < 0 || byNode {
				rows = append(rows, row)
				continue
			}
			rows[at].plus(row)
		}
	}
	slices.SortStableFunc(rows, func(a, b laneRow) int {
		return cmp.Or(strings.Compare(a.Channel, b.Channel), strings.Compare(a.Account, b.Account))
	})
	return rows
}

// plus adds another node's part.
func (r *laneRow) plus(o laneRow) {
	r.Nodes = append(r.Nodes, o.Nodes...)
	r.Urgent, r.Bulk, r.Open, r.Credits = r.Urgent+o.Urgent, r.Bulk+o.Bulk, r.Open+o.Open, r.Credits+o.Credits
	r.RateNow += o.RateNow
	r.ParkedUrgent, r.ParkedBulk = r.ParkedUrgent+o.ParkedUrgent, r.ParkedBulk+o.ParkedBulk
	r.ParkedShare = max(r.ParkedShare, o.ParkedShare)
	r.AttemptsPerSecond += o.AttemptsPerSecond
	r.ThrottledPerSecond += o.ThrottledPerSecond
	for _, h := range o.Held {
		r.Held = append(r.Held, h+" on "+o.Nodes[0])
	}
}

func printLanes(cmd *cobra.Command, rows []laneRow, byNode, asJSON bool) error {
	head := []string{"LANE", "URGENT", "BULK", "OPEN", "CREDITS", "RATE NOW", "OF", "PARKED", "FULL", "HELD BY"}
	if byNode {
		head = append([]string{"NODE"}, head...)
	}
	cells := [][]string{head}
	for i := range rows {
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), rows[i]); err != nil {
				return err
			}
			continue
		}
		line := rows[i].cells()
		if byNode {
			line = append([]string{rows[i].Nodes[0]}, line...)
		}
		cells = append(cells, line)
	}
	if asJSON {
		return nil
	}
	return table(cmd.OutOrStdout(), cells)
}

func (r *laneRow) cells() []string {
	return []string{
		r.Channel + "/" + r.Account, count(r.Urgent), count(r.Bulk), count(r.Open), count(r.Credits), r.now(), rateText(r.Rate),
		count(r.ParkedUrgent + r.ParkedBulk), fmt.Sprintf("%.0f%%", 100*r.ParkedShare), dash(strings.Join(r.Held, "; ")),
	}
}

func (r *laneRow) now() string {
	if r.Rate > 0 && r.RateNow == 0 {
		return "0/s" // a node without a shard
	}
	return rateText(r.RateNow)
}

// holds ends a sentence about a send in the lane with why it has to wait.
func (r *laneRow) holds() string {
	switch {
	case r == nil:
		return ""
	case len(r.Held) > 0:
		return ": " + strings.Join(r.Held, "; ")
	case r.RateNow > 0:
		return fmt.Sprintf(": %s wait there, and the limit lets %s go on this node", count(r.Urgent+r.Bulk), r.now())
	case r.Credits <= 0:
		return fmt.Sprintf(": its plugin has %s attempts and takes no more for now", count(r.Open))
	}
	return fmt.Sprintf(": %s wait there, and go as fast as the plugin takes them", count(r.Urgent+r.Bulk))
}

// text is the lane in a line.
func (r *laneRow) text() string {
	text := fmt.Sprintf("%s urgent and %s bulk wait on this node, %s with the plugin", count(r.Urgent), count(r.Bulk), count(r.Open))
	if r.RateNow > 0 {
		text += fmt.Sprintf("; %s of %s may go there", r.now(), rateText(r.Rate))
	}
	return text + "; parked: " + count(r.ParkedUrgent+r.ParkedBulk)
}

// rateText is a rate as people write it.
func rateText(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "-"
	case perSecond < 1./60:
		return tenths(3600*perSecond) + "/h"
	case perSecond < 1:
		return tenths(60*perSecond) + "/m"
	}
	return tenths(perSecond) + "/s"
}

func tenths(x float64) string { return strconv.FormatFloat(math.Round(10*x)/10, 'f', -1, 64) }

// count is a number with its thousands apart.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
