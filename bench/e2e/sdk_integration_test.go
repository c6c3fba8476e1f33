//go:build integration

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/sdks"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// inLanguages runs a test with the example of each SDK as the only channel, and the
// file that it writes.
func inLanguages(t *testing.T, test func(r *rig, board string)) {
	for _, language := range sdks.Languages() {
		t.Run(language, func(t *testing.T) {
			r := newRig(t)
			board := filepath.Join(t.TempDir(), "board")
			r.channel("board", map[string]any{"file": board}, nil)
			ch := r.cfg.Channels["board"]
			path, err := sdks.Example(language, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			sum, err := host.Checksum(path)
			if err != nil {
				t.Fatal(err)
			}
			ch.Plugin = config.Plugin{Path: path, SHA256: sum}
			r.cfg.Channels = map[string]config.Channel{"board": ch}
			test(r, board)
		})
	}
}

func boardSend(topic string, i int, content string) *kgo.Record {
	recipient := fmt.Sprintf("u%d", i)
	return &kgo.Record{Topic: topic, Key: []byte(recipient), Value: fmt.Appendf(nil,
		`{"id":"m%d","app":"shop","to":{"id":%q},"channels":["board"],"content":%s}`, i, recipient, content)}
}

// posted counts the lines of the board by recipient.
func posted(t *testing.T, board string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(board)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]int{}
	for line := range strings.Lines(string(text)) {
		recipient, _, _ := strings.Cut(line, "\t")
		by[strings.Trim(recipient, `"`)]++
	}
	return by
}

// Sends on both topics, and some that can never be sent: each arrives once, or is
// rejected with the plugin's own code. At the end the plugin has left.
func TestSDKDelivers(t *testing.T) {
	inLanguages(t, func(r *rig, board string) {
		e := r.start()
		const n = 2000
		for i := range n {
			content := `{"title":"Tea","body":"is ready ☕"}`
			if i%100 == 7 {
				content = `{"html":"<p>Tea</p>"}`
			}
			r.enqueue(boardSend([]string{"sends", "sends.bulk"}[i%2], i, content))
		}
		if err := r.client.Flush(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		all := r.statuses(untilOutcomes(n))
		got, arrived := outcomes(all), posted(r.t, board)
		for i := range n {
			id, recipient, want, lines := fmt.Sprintf("m%d", i), fmt.Sprintf("u%d", i), "sent", 1
			if i%100 == 7 {
				want, lines = "rejected", 0
			}
			if len(got[id]) != 1 || got[id][want] != 1 || arrived[recipient] != lines {
				r.t.Errorf("%s: outcomes %v and %d lines, want one %s and %d", id, got[id], arrived[recipient], want, lines)
			}
		}
		for _, s := range all {
			if s.Kind == carillonv1.Kind_KIND_OUTCOME && s.Id == "m7" && (s.Reason.GetClass() != "message" || s.Reason.GetCode() != "no_text") {
				r.t.Errorf("m7 was rejected for %v, want message no_text", s.Reason)
			}
		}
		pid := e.Plugins()[0].PID
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
		awaitGone(r.t, pid)
	})
}

// An engine that is stopped in the middle of its work: what the plugin had open is
// answered, so that nothing is sent twice by the next engine, and nothing is lost.
func TestSDKDrains(t *testing.T) {
	inLanguages(t, func(r *rig, board string) {
		e := r.start()
		const n = 20_000
		for i := range n {
			r.enqueue(boardSend("sends.bulk", i, `{"body":"Tea"}`))
		}
		deadline := time.Now().Add(time.Minute)
		for size := int64(0); size == 0; {
			if info, err := os.Stat(board); err == nil {
				size = info.Size()
			}
			if time.Now().After(deadline) {
				r.t.Fatal("nothing was posted within a minute")
			}
			time.Sleep(time.Millisecond)
		}
		pid := e.Plugins()[0].PID
		if err := r.stop(); err != nil {
			r.t.Fatal(err)
		}
		awaitGone(r.t, pid)
		if err := r.client.Flush(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		before := len(posted(r.t, board))
		r.start()
		got := outcomes(r.statuses(untilOutcomes(n)))
		for recipient, lines := range posted(r.t, board) {
			if lines != 1 {
				r.t.Errorf("%s was posted to %d times", recipient, lines)
			}
		}
		if arrived := len(posted(r.t, board)); len(got) != n || arrived != n || before == n {
			r.t.Errorf("%d outcomes and %d recipients of %d, %d of them before the stop: want all, and a stop before the end", len(got), arrived, n, before)
		}
	})
}

// Wrong settings: the engine does not start, and says what the plugin says of them.
func TestSDKRefusesSettings(t *testing.T) {
	for _, c := range []struct {
		settings map[string]any
		says     string
	}{
		{map[string]any{"file": "board"}, "file: must be an absolute path"},
		{map[string]any{"file": 7}, "must be a string"},
		{map[string]any{"file": "/", "flie": ""}, "flie: is no setting of this channel; known here: file"},
	} {
		inLanguages(t, func(r *rig, _ string) {
			r.cfg.Channels["board"].Accounts["default"].Settings["file"] = nil
			for k, v := range c.settings {
				r.cfg.Channels["board"].Accounts["default"].Settings[k] = v
			}
			if err := r.run(); err == nil || !strings.Contains(err.Error(), c.says) {
				r.t.Errorf("settings %v: %v, want it to say %q", c.settings, err, c.says)
			}
		})
	}
}

// awaitGone waits until there is no such process, but perhaps one that nobody reaps.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("the plugin's process %d is still there", pid)
}
