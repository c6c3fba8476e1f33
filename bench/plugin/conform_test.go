package plugin_test

import (
	"context"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/plugin"
	"github.com/carillonhq/carillon/bench/plugin/hostile"
	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/plugins/webhook"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/conform"
)

// TestMain lets this test binary be the plugins as well.
func TestMain(m *testing.M) {
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "hostile":
		hostile.Serve(args[1])
	case len(args) == 2 && args[0] == "serve":
		sdk.Serve(map[string]func() sdk.Channel{"email": email.New, "sink": sink.New, "webhook": webhook.New}[args[1]])
	default:
		flag.Parse()
		if err := flag.Set("test.parallel", "6"); err != nil { // most of them wait for what never comes
			panic(err)
		}
		os.Exit(m.Run())
	}
}

// suite is for a hostile plugin: its own address kind makes the addresses up.
const suite = `
settings: {host: localhost}
secrets: {key: ""}
slow: slow@example.com
cases:
  - {name: busy, address: busy@example.com, want: throttled 30s}
sends: 12000
patience: 3s
`

type fails struct {
	checks string // that fail
	says   string
}

// hostilities are what the kit must say of each, and by which checks alone.
var hostilities = map[string]fails{
	hostile.Honest: {"", ""},

	hostile.ExitsAtOnce:      {"start", "ended before the handshake (exit status 3)"},
	hostile.PrintsRubbish:    {"start", `prints "hello, my key is hunter22 and I am [address]" where the handshake should be`},
	hostile.OtherVersion:     {"start", "speaks version 2 of the plugin protocol, this carillon speaks 1"},
	hostile.StaysByHand:      {"by-hand", "started by hand it still ran after 3s"},
	hostile.HangsInConfigure: {"refusals huge-settings secrets account", "Configure: no answer within 3s"},
	hostile.Changes:          {"describe", "asked again it describes itself"},

	hostile.TakesAnySetting: {"refusals huge-settings", `want one at "no_such_setting"`},
	hostile.ShowsSecret:     {"refusals secrets", "shows the value of key"},
	hostile.PrintsSecret:    {"output", "it prints the secret key"},
	hostile.AnyAccount:      {"unknown-account", "answers on a stream to an account that was never configured"},

	hostile.GrantsNothing:   {"send", "its first credits did not come within 3s"},
	hostile.HangsInDeliver:  {"send", "the result of the attempt with token 1 did not come within 3s"},
	hostile.EndsEarly:       {"send", "it ended the stream by itself"},
	hostile.Strangers:       {"send", "a result has the token 1099511627776, which was never given"},
	hostile.Twice:           {"send", "the attempt with token 1 is answered twice"},
	hostile.HugeAnswer:      {"send", "received message larger than max"},
	hostile.Forgets:         {"batches", "the stream ended, and the result of the attempt with token"},
	hostile.RoundsTokens:    {"tokens", "which was never given"},
	hostile.KeepsCredits:    {"credits memory", "64 credits after 64 results, want 128"},
	hostile.InventsCredits:  {"credits", "credits after 64 results, want 128"},
	hostile.SendsLate:       {"late", "an attempt whose deadline had passed is \"accepted\""},
	hostile.HeedsNoDeadline: {"deadline", "an attempt with a second to its deadline was not answered"},
	hostile.HeedsNoCancel:   {"cancel", "after a stream was broken off: its first credits did not come"},
	hostile.WaitsItself:     {"throttle", "the throttle came after 2."},
	hostile.CrashesOnNUL:    {"hostile", "control characters in title and body: wait for the result"},
	hostile.SmallMessages:   {"huge", "received message larger than max"},
	hostile.Leaks:           {"memory", "MiB after 12000: more than"},

	hostile.Floods:     {"output", "it printed "},
	hostile.Forks:      {"orphan", "a process that it started"},
	hostile.StaysAlive: {"stop", "it did not leave and was killed"},
	hostile.Orphan:     {"orphan", "after its parent's death still there: the plugin"},
}

func TestHostile(t *testing.T) {
	all := maps.Clone(hostilities)
	maps.Copy(all, slowHostilities)
	for kind, want := range all {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, err := conform.Read([]byte(suite), func(string) (string, error) { return "known-to-the-operator", nil })
			if err != nil {
				t.Fatal(err)
			}
			if kind != hostile.Leaks {
				s.Sends = 1000
			}
			failed, said := examine(t, executable(t, "hostile", kind), s)
			if raced { // the detector's memory grows with any plugin's
				failed = strings.TrimSpace(strings.ReplaceAll(failed, "memory", ""))
				want.checks = strings.TrimSpace(strings.ReplaceAll(want.checks, "memory", ""))
			}
			if failed != want.checks {
				t.Errorf("fails %q, want %q", failed, want.checks)
			}
			if !strings.Contains(said, want.says) && !(raced && kind == hostile.Leaks) {
				t.Errorf("says nothing of %q", want.says)
			}
			if t.Failed() {
				t.Log(said)
			}
		})
	}
}

func executable(t *testing.T, args ...string) *plugin.Executable {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e, err := plugin.New(path, args, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// examine runs all checks and returns the names of those that failed, and all
// that was said.
func examine(t *testing.T, e *plugin.Executable, s conform.Suite) (failed, said string) {
	t.Helper()
	kit := conform.New(e, s)
	defer kit.Close()
	var names []string
	for _, c := range conform.Checks() {
		r := kit.Run(t.Context(), c)
		said += string(r.Outcome) + " " + r.Name + " " + r.Why + "\n"
		for _, f := range r.Findings {
			said += "\t" + f.Got + "\n\t\tdo: " + f.Do + "\n"
			if f.Got == "" || f.Do == "" {
				t.Errorf("%s: it must say what came, and what to do: %+v", r.Name, f)
			}
		}
		if r.Outcome == conform.Failed {
			names = append(names, r.Name)
		}
	}
	return strings.Join(names, " "), said
}

// Another file than the one that was named is not started.
func TestChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := plugin.New(path, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho other\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := e.Start(ctx); err == nil || !strings.Contains(err.Error(), "its SHA-256 is") {
		t.Errorf("Start = %v, want the checksum's fault", err)
	}
}
