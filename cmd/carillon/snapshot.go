package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// snapshot is the cluster at one moment.
type snapshot struct {
	At time.Time `json:"at"`
	// Rates are a second, between this look and the one before.
	ReadPerSecond     float64            `json:"readPerSecond"`
	OutcomesPerSecond map[string]float64 `json:"outcomesPerSecond"`
	Nodes             []nodeRow          `json:"nodes"`
	Lanes             []laneRow          `json:"lanes"`
	Missing           []int32            `json:"missingShards,omitempty"`

	silence string
	replies map[string]*controlv1.Reply // by process, for the next one's rates
}

// nodeRow is one node.
type nodeRow struct {
	Node           string    `json:"node"`
	Shards         int64     `json:"shards"`
	Started        time.Time `json:"started"`
	Faults         []string  `json:"faults"` // what keeps it from being ready
	UrgentLag      float64   `json:"urgentLagSeconds"`
	BulkLag        float64   `json:"bulkLagSeconds"`
	Unread         int64     `json:"unread"`
	Parked         int64     `json:"parked"`
	InDoubt        int64     `json:"inDoubt"`
	Unacknowledged int64     `json:"unacknowledged"`
	MemoryBytes    int64     `json:"memoryBytes"`
	PluginRestarts int64     `json:"pluginRestarts"`
	Rebalances     int64     `json:"rebalances"`
	ReadPerSecond  float64   `json:"readPerSecond"`
	EndedPerSecond float64   `json:"endedPerSecond"`
}

func newSnapshot(a *answers, before *snapshot, at time.Time) *snapshot {
	s := &snapshot{
		At: at, OutcomesPerSecond: map[string]float64{}, Nodes: []nodeRow{}, Missing: a.missing,
		silence: a.silence(), replies: a.nodes, Lanes: a.lanes(false),
	}
	for _, name := range a.names() {
		now := a.nodes[name]
		if now.State == nil { // of an older version
			continue
		}
		var was *controlv1.Reply
		if before != nil {
			was = before.replies[name]
		}
		s.addNode(name, now, was)
	}
	slices.SortStableFunc(s.Lanes, func(a, b laneRow) int { return cmp.Compare(b.urgency(), a.urgency()) })
	return s
}

// urgency puts first what somebody should look at.
func (r *laneRow) urgency() int {
	switch {
	case len(r.Held) > 0:
		return 2
	case r.Urgent+r.Bulk+r.ParkedUrgent+r.ParkedBulk > 0:
		return 1
	}
	return 0
}

func (s *snapshot) addNode(name string, now, was *controlv1.Reply) {
	x := now.State
	row := nodeRow{
		Node: shortNode(name), Shards: x.Shards, Started: time.UnixMilli(x.StartedMs).UTC(), Faults: append([]string{}, x.Faults...),
		UrgentLag: float64(x.UrgentLagMs) / 1000, BulkLag: float64(x.BulkLagMs) / 1000, Unread: x.UrgentUnread + x.BulkUnread,
		Parked: x.Parked, InDoubt: x.InDoubt, Unacknowledged: x.Unacknowledged, MemoryBytes: x.MemoryBytes, Rebalances: x.Rebalances,
	}
	for _, p := range x.Plugins {
		row.PluginRestarts += p.Restarts
	}
	if seconds := float64(now.AtMs-was.GetAtMs()) / 1000; was.GetState() != nil && seconds > 0 {
		row.ReadPerSecond = float64(x.Read-was.State.Read) / seconds
		for outcome, n := range x.Outcomes {
			rate := float64(n-was.State.Outcomes[outcome]) / seconds
			row.EndedPerSecond += rate
			s.OutcomesPerSecond[outcome] += rate
		}
		s.addLaneRates(now, was, seconds)
	}
	s.ReadPerSecond += row.ReadPerSecond
	s.Nodes = append(s.Nodes, row)
}

func (s *snapshot) addLaneRates(now, was *controlv1.Reply, seconds float64) {
	for _, l := range now.Lanes {
		same := func(c, a string) bool { return c == l.Channel && a == l.Account }
		i := slices.IndexFunc(was.Lanes, func(o *controlv1.LaneState) bool { return same(o.Channel, o.Account) })
		at := slices.IndexFunc(s.Lanes, func(r laneRow) bool { return same(r.Channel, r.Account) })
		if i >= 0 && at >= 0 {
			s.Lanes[at].AttemptsPerSecond += float64(l.Attempts-was.Lanes[i].Attempts) / seconds
			s.Lanes[at].ThrottledPerSecond += float64(l.Throttled-was.Lanes[i].Throttled) / seconds
		}
	}
}

// text is the snapshot for people, no wider and no longer than the terminal; 0 is
// no bound.
func (s *snapshot) text(width, height int) string {
	var b strings.Builder
	shards, parked, doubt, ended := int64(0), int64(0), int64(0), 0.0
	for _, n := range s.Nodes {
		shards, parked, doubt, ended = shards+n.Shards, parked+n.Parked, doubt+n.InDoubt, ended+n.EndedPerSecond
	}
	fmt.Fprintf(&b, "%s  nodes %d  shards %d", s.At.Local().Format(time.TimeOnly), len(s.Nodes), shards)
	if len(s.Missing) > 0 {
		fmt.Fprintf(&b, ", %d without an answer", len(s.Missing))
	}
	fmt.Fprintf(&b, "  read %s/s  ended %s/s", tenths(s.ReadPerSecond), tenths(ended))
	for _, outcome := range slices.Sorted(maps.Keys(s.OutcomesPerSecond)) {
		if rate := s.OutcomesPerSecond[outcome]; rate > 0 {
			fmt.Fprintf(&b, "  %s %s/s", outcome, tenths(rate))
		}
	}
	fmt.Fprintf(&b, "  parked %s  in doubt %s\n\n", count(parked), count(doubt))
	_ = table(&b, s.nodeTable()) // a Builder takes all
	b.WriteString("\n")
	_ = table(&b, s.laneTable())
	if s.silence != "" {
		b.WriteString("\n" + s.silence + "\n")
	}
	return fit(b.String(), width, height)
}

func (s *snapshot) nodeTable() [][]string {
	rows := [][]string{{"NODE", "SHARDS", "READ/S", "ENDED/S", "URGENT LAG", "BULK LAG", "UNREAD", "PARKED", "MEMORY", "UP", "PLUGIN RESTARTS", "STATE"}}
	for _, n := range s.Nodes {
		state := "ready"
		if len(n.Faults) > 0 {
			state = strings.Join(n.Faults, "; ")
		}
		rows = append(rows, []string{
			n.Node, count(n.Shards), tenths(n.ReadPerSecond), tenths(n.EndedPerSecond), seconds(n.UrgentLag), seconds(n.BulkLag),
			count(n.Unread), count(n.Parked), fmt.Sprintf("%d MiB", n.MemoryBytes>>20), s.At.Sub(n.Started).Round(time.Second).String(),
			count(n.PluginRestarts), state,
		})
	}
	return rows
}

func (s *snapshot) laneTable() [][]string {
	rows := [][]string{{"LANE", "URGENT", "BULK", "OPEN", "ATTEMPTS/S", "LIMIT", "IN USE", "THROTTLED/S", "PARKED", "FULL", "HELD BY"}}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		inUse := "-"
		if l.Rate > 0 {
			inUse = fmt.Sprintf("%.0f%%", 100*l.AttemptsPerSecond/l.Rate)
		}
		rows = append(rows, []string{
			l.Channel + "/" + l.Account, count(l.Urgent), count(l.Bulk), count(l.Open), tenths(l.AttemptsPerSecond), rateText(l.Rate), inUse,
			tenths(l.ThrottledPerSecond), count(l.ParkedUrgent + l.ParkedBulk), fmt.Sprintf("%.0f%%", 100*l.ParkedShare), dash(strings.Join(l.Held, "; ")),
		})
	}
	return rows
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// fit cuts a text to a terminal's size, and says how many lines are left out; 0 is
// no bound.
func fit(text string, width, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if height > 0 && len(lines) > height {
		left := len(lines) - height + 1
		lines = append(lines[:height-1:height-1], fmt.Sprintf("... %d lines more", left))
	}
	for i, line := range lines {
		if r := []rune(line); width > 0 && len(r) > width {
			lines[i] = string(r[:width])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
