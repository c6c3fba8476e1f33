package sink

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

// TestRoundTrip: any text comes back, and takes one line.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "ledger")
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		l, err := openLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.close() }()
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\t\n\\\"x.\x00é"))))
		var want []Entry
		now := time.Unix(0, rapid.Int64Range(0, 1<<60).Draw(t, "now"))
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			a := &sdk.Attempt{
				Id: text.Draw(t, "id"), App: text.Draw(t, "app"), Recipient: text.Draw(t, "recipient"), Key: text.Draw(t, "key"),
				Attempt: rapid.Uint32().Draw(t, "attempt"), Token: rapid.Uint64().Draw(t, "token"),
				DeadlineMs: rapid.Int64Range(0, 1<<45).Draw(t, "deadline"),
			}
			if err := l.record(now, []*sdk.Attempt{a}, []decision{{outcome: unknown, recorded: true}}); err != nil {
				t.Fatal(err)
			}
			want = append(want, Entry{
				Verdict: "unknown", Attempt: a.Attempt, Token: a.Token, At: now, Deadline: time.UnixMilli(a.DeadlineMs), Key: a.Key, App: a.App, Recipient: a.Recipient, ID: a.Id,
			})
		}
		got, err := ReadLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTornLine cuts a ledger at every byte of its last line, as a kill during a
// write may, and appends to it.
func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	record := func(i int) {
		l, err := openLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.close() }()
		if err := l.record(time.Now(), []*sdk.Attempt{sdktest.Attempt(i)}, []decision{{outcome: accepted, recorded: true}}); err != nil {
			t.Fatal(err)
		}
	}
	record(1)
	first, _ := os.ReadFile(path)
	record(2)
	both, _ := os.ReadFile(path)
	for cut := len(first) + 1; cut < len(both)-1; cut++ { // the last byte but one makes it whole
		if err := os.WriteFile(path, both[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		record(3)
		entries, err := ReadLedger(path)
		if err != nil || len(entries) != 2 || entries[0].ID != "send-1" || entries[1].ID != "send-3" {
			t.Fatalf("cut at %d: %v, %v, want sends 1 and 3", cut, entries, err)
		}
	}
}

func TestUnknownsArriveHalfTheTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	deliver(t.Context(), open(t, `{"unknowns": 1, "ledger": "`+path+`"}`), attempts(2000))
	entries, err := ReadLedger(path)
	if err != nil || len(entries) < 850 || len(entries) > 1150 { // 1000 ± 6 standard deviations
		t.Errorf("%d of 2000 unknown attempts arrived, %v", len(entries), err)
	}
	for _, e := range entries {
		if !e.Sent() || e.Verdict != "unknown" {
			t.Fatalf("entry %+v", e)
		}
	}
}

// TestUnwritableLedger: what can't be recorded is not answered, and so unknown.
func TestUnwritableLedger(t *testing.T) {
	acct := open(t, `{"ledger": "`+filepath.Join(t.TempDir(), "ledger")+`"}`)
	_ = acct.Close()
	// A closed file stands for a full disk.
	if v := deliver(t.Context(), acct, attempts(1)); v[0] != "" {
		t.Errorf("verdict %q, want none", v[0])
	}
}

// TestKilled kills a process that records and answers without end: whatever it
// has answered is in the ledger.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	child := exec.Command(os.Args[0], "-test.run=^TestAnswerWithoutEnd$")
	child.Env = append(os.Environ(), "SINK_LEDGER="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var answered []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if key, ok := strings.CutPrefix(lines.Text(), "answered "); ok && len(key) == 32 {
			answered = append(answered, key)
		}
		if len(answered) == 5000 {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	entries, err := ReadLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]bool{}
	for _, e := range entries {
		recorded[e.Key] = true
	}
	for _, key := range answered {
		if !recorded[key] {
			t.Fatalf("%s was answered and is not in the ledger (%d answered, %d recorded)", key, len(answered), len(entries))
		}
	}
	if len(answered) < 5000 {
		t.Errorf("%d answers before the kill, want 5000", len(answered))
	}
}

// TestAnswerWithoutEnd is the process that TestKilled kills.
func TestAnswerWithoutEnd(t *testing.T) {
	path := os.Getenv("SINK_LEDGER")
	if path == "" {
		return
	}
	acct := open(t, `{"ledger": "`+path+`"}`)
	for n := 0; ; n += 100 {
		batch := make([]*sdk.Attempt, 100)
		for i := range batch {
			batch[i] = sdktest.Attempt(n + i)
		}
		acct.Deliver(context.Background(), sdk.NewBatch(batch, func(i int, _ sdk.Verdict) { fmt.Println("answered " + batch[i].Key) }))
	}
}
