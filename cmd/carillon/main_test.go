package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/kafka"
)

// TestMain makes this test binary the carillon command of the scripts, and of
// the plugins that the engine starts there: it is started as itself.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carillon": main})
}

// TestScripts runs the command as users do. Each script has free ports of its
// own in $BROKER, $HTTP, $SMTP and $WEBHOOK, and quiet hours in $QUIET.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"BROKER", "HTTP", "SMTP", "WEBHOOK"} {
				env.Setenv(name, freeAddr(t))
			}
			env.Setenv("QUIET", quietNow(time.Now().UTC()))
			env.Setenv("NO_COLOR", "1")
			// Under the race detector each command would wait a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=20 "+os.Getenv("GORACE"))
			// The sockets of plugins have short names only.
			env.Setenv("TMPDIR", os.TempDir())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"ready":   ready,
			"produce": produce,
			"place":   setPlace,
			"envfile": envFile,
			"until":   until,
			"commit":  commitOffset,
		},
	})
}

// quietNow are quiet hours that it is in, and will be for some hours.
func quietNow(now time.Time) string {
	return now.Add(-time.Hour).Format("15:04") + "-" + now.Add(3*time.Hour).Format("15:04")
}

// exits CODE COMMAND... runs a command that must end with the code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS]")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// ready waits until the engine at $HTTP is.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	url := "http://" + ts.Getenv("HTTP") + "/readyz"
	last := "nobody listens"
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(url)
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if last = string(body); res.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s: not ready in time: %s", url, last)
}

// produce TOPIC KEY VALUE [HEADER=VALUE...] publishes a record with a foreign
// client and its own partitioner. KEY - is none.
func produce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: produce TOPIC KEY VALUE [HEADER=VALUE]")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("BROKER")))
	ts.Check(err)
	defer client.Close()
	rec := &kgo.Record{Topic: args[0], Key: []byte(args[1]), Value: []byte(args[2])}
	if args[1] == "-" {
		rec.Key = nil
	}
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, "=")
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ts.Check(client.ProduceSync(ctx, rec).FirstErr())
}

// place VARIABLE REASON COUNT waits until `invalid` holds COUNT records of a
// reason, and keeps the PLACE of the last one.
func setPlace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: place VARIABLE REASON COUNT")
	}
	var lines []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ts.Check(ts.Exec("carillon", "invalid", "list", "--brokers", ts.Getenv("BROKER"), "--reason", args[1], "--json"))
		lines = strings.Fields(strings.ReplaceAll(ts.ReadFile("stdout"), " ", ""))
		if fmt.Sprint(len(lines)) == args[2] {
			_, rest, _ := strings.Cut(lines[len(lines)-1], `"place":"`)
			value, _, _ := strings.Cut(rest, `"`)
			ts.Setenv(args[0], value)
			return
		}
	}
	ts.Fatalf("%d records with reason %s, want %s: %q", len(lines), args[1], args[2], lines)
}

// until PATTERN COMMAND... runs a command until its output shows the pattern.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND [ARGS]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...) // what it says counts
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s never shows %q", strings.Join(args[1:], " "), args[0])
}

// commit GROUP TOPIC PARTITION OFFSET sets a group's offset as Kafka's own tools
// do, which the broker allows while the group is empty.
func commitOffset(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: commit GROUP TOPIC PARTITION OFFSET")
	}
	index, err := strconv.ParseInt(args[2], 10, 32)
	ts.Check(err)
	offset, err := strconv.ParseInt(args[3], 10, 64)
	ts.Check(err)
	client := kafka.NewClient(kafka.Config{Brokers: []string{ts.Getenv("BROKER")}})
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ts.Check(client.CommitOffsets(ctx, args[0], -1, "", []kafka.Commit{
		{Partition: kafka.Partition{Topic: args[1], Index: int32(index)}, Offset: offset},
	}))
}

// envFile FILE replaces the variables in a file by their values.
func envFile(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// freeAddr finds a free port below those that outgoing connections take: one of
// them could take the broker's while that restarts.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(17000))))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no free port was found")
	return ""
}
