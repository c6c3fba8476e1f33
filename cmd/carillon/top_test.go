package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// reply is a node's answer at a second, with what it has done since it began.
func reply(second int64, sent, attempts int64) *controlv1.Reply {
	return &controlv1.Reply{
		AtMs: 1000 * second,
		Lanes: []*controlv1.LaneState{
			{Channel: "email", Account: "main", PluginUp: true},
			{Channel: "sms", Account: "main", PluginUp: true, Bulk: 1500, Open: 8, Rate: 100, RateNow: 50, Attempts: attempts, Throttled: attempts / 10},
		},
		State: &controlv1.NodeState{
			StartedMs: 1000, Shards: 8, UrgentLagMs: 1500, MemoryBytes: 200 << 20, Parked: 12345, InDoubt: 2,
			Read: 2 * sent, Outcomes: map[string]int64{"sent": sent, "failed": sent / 10},
			Plugins: []*controlv1.PluginState{{Channel: "sms", Up: true, Restarts: 1}},
		},
	}
}

func twoLooks(missing ...int32) *snapshot {
	first := newSnapshot(&answers{nodes: map[string]*controlv1.Reply{"n1/a": reply(10, 1000, 1000), "n2/b": reply(10, 500, 0)}}, nil, time.UnixMilli(10_000))
	second := &answers{missing: missing, nodes: map[string]*controlv1.Reply{
		"n1/a": reply(12, 1200, 1100),
		"n2/c": reply(12, 300, 0), // another process: nothing is known of its rates
	}}
	second.nodes["n2/c"].State.Faults = []string{"kafka: connecting"}
	return newSnapshot(second, first, time.UnixMilli(12_000))
}

// Rates are between two looks at one process; what is held or has something
// waiting stands first; what did not answer is named.
func TestSnapshot(t *testing.T) {
	s := twoLooks(3, 5)
	if s.ReadPerSecond != 200 || s.OutcomesPerSecond["sent"] != 100 || s.OutcomesPerSecond["failed"] != 10 {
		t.Errorf("%v read, %v", s.ReadPerSecond, s.OutcomesPerSecond)
	}
	if l := s.Lanes[0]; l.Channel != "sms" || l.Bulk != 3000 || l.AttemptsPerSecond != 50 || l.ThrottledPerSecond != 5 {
		t.Errorf("%+v", l)
	}
	text := strings.Join(strings.Fields(s.text(0, 0)), " ")
	for _, want := range []string{
		"nodes 2 shards 16, 2 without an answer read 200/s ended 110/s failed 10/s sent 100/s parked 24,690 in doubt 4",
		"n1 8 200 110 1.5s 0s 0 12,345 200 MiB 11s 1 ready",
		"n2 8 0 0 1.5s 0s 0 12,345 200 MiB 11s 1 kafka: connecting",
		"sms/main 0 3,000 16 50 100/s 50% 5 0 0% -",
		"no answer in time from 2 shards: 3, 5;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, s.text(0, 0))
		}
	}
}

// Whatever the window, nothing is wider or longer than it.
func TestSmallWindows(t *testing.T) {
	s := twoLooks(3)
	for _, size := range [][2]int{{80, 24}, {20, 5}, {1, 1}, {200, 3}, {0, 0}} {
		lines := strings.Split(strings.TrimSuffix(s.text(size[0], size[1]), "\n"), "\n")
		if size[1] > 0 && len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if size[0] > 0 && len([]rune(line)) > size[0] {
				t.Errorf("%v: %q is too wide", size, line)
			}
		}
	}
	if got := fit("a\nb\nc\n", 0, 2); got != "a\n... 2 lines more\n" {
		t.Errorf("%q", got)
	}
}

// q, Esc and Ctrl-C leave; other keys do not; a failed look is shown over what was
// there, and the next one follows.
func TestTopModel(t *testing.T) {
	var m tea.Model = topModel{look: func(*snapshot) (*snapshot, error) { return twoLooks(), nil }, interval: time.Millisecond}
	update := func(msg tea.Msg) tea.Cmd {
		var cmd tea.Cmd
		m, cmd = m.Update(msg)
		return cmd
	}
	if got := m.View().Content; !strings.Contains(got, "asking") {
		t.Errorf("before the first look: %q", got)
	}
	update(tea.WindowSizeMsg{Width: 60, Height: 6})
	again := update(m.Init()())
	if got := m.View(); !strings.Contains(got.Content, "NODE") || strings.Count(got.Content, "\n") > 6 || !got.AltScreen {
		t.Errorf("%q", got.Content)
	}
	if next := update(again()); next == nil {
		t.Error("no further look is taken")
	}
	if next := update(looked{nil, errors.New("Kafka is away")}); next == nil || !strings.HasPrefix(m.View().Content, "no answer: Kafka is away\n") ||
		!strings.Contains(m.View().Content, "nodes 2") {
		t.Errorf("after a failed look: %q", m.View().Content)
	}
	for _, c := range []struct {
		key   tea.KeyPressMsg
		quits bool
	}{
		{tea.KeyPressMsg{Code: 'q', Text: "q"}, true},
		{tea.KeyPressMsg{Code: tea.KeyEscape}, true},
		{tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}, true},
		{tea.KeyPressMsg{Code: 'x', Text: "x"}, false},
	} {
		cmd := update(c.key)
		if quits := cmd != nil; quits != c.quits {
			t.Errorf("%s: leaves %t, want %t", c.key, quits, c.quits)
		}
	}
}

// On a terminal it draws on a screen of its own, leaves by a key, and gives the
// screen back.
func TestTopDraws(t *testing.T) {
	shown := make(chan struct{})
	keys, press := io.Pipe()
	go func() {
		<-shown
		_, _ = press.Write([]byte("q"))
	}()
	var screen bytes.Buffer
	looks := 0
	m := topModel{interval: time.Millisecond, look: func(*snapshot) (*snapshot, error) {
		if looks++; looks == 3 {
			close(shown)
		}
		return twoLooks(), nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(keys), tea.WithOutput(&screen), tea.WithWindowSize(100, 20), tea.WithoutSignalHandler())
	if _, err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[?1049h", "\x1b[?1049l", "sms/main"} {
		if !strings.Contains(screen.String(), want) {
			t.Errorf("%q is not among what was drawn: %q", want, screen.String())
		}
	}
}
