package limit

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// One small round of everything there is for each channel: only that every
// message arrives once.
func TestChannelSmoke(t *testing.T) {
	for _, channel := range Channels() {
		t.Run(channel, func(t *testing.T) {
			t.Parallel() // most of it is waiting for processes
			kinds := ChannelKinds(channel)
			res, err := RunChannel(t.Context(), ChannelConfig{
				Config: Config{
					Dir: t.TempDir(), Command: rigtest.Command(t), Broker: rigtest.Broker,
					Workload: someSends(2000), Rounds: 1, Partitions: 4, Kinds: kinds, Progress: t.Output(),
				},
				Channel: channel, Connections: 4,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := res.MarshalJSON(); err != nil {
				t.Error(err)
			}
			want := []string{"sends_per_second", "bare_per_second", "ratio", "ratio_min", "cpu_ratio", "simulator_cores", "bare_simulator_cores"}
			if slices.Contains(kinds, SMTPSource) {
				want = append(want, "smtp_source_per_second", "share_of_smtp_source")
			}
			for _, name := range want {
				if f := res.Figure(name); f == nil || f.Value <= 0 && !strings.HasSuffix(name, "_cores") {
					t.Errorf("the figure %s is %+v", name, f)
				}
			}
		})
	}
}

// What the bare loop posts is signed: the reference implementation of Standard
// Webhooks, in the receiver, finds every signature right.
func TestBareWebhooksAreSigned(t *testing.T) {
	task := bareTask(t, Webhook)
	sim, err := webhooksim.Start(task.Provider, webhooksim.Options{Keys: []string{task.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	runToEnd(t, task)
	if n := sim.Counts(); n.Received != 300 || n.Duplicates+n.Unverified != 0 {
		t.Errorf("%+v", n)
	}
	ids := map[string]bool{}
	for _, m := range sim.Received() {
		ids[m.ID] = strings.Contains(string(m.Body), `"id":"`+m.ID+`"`) && strings.Contains(string(m.Body), `"key3":"`)
	}
	for i := range 300 {
		if id := task.Workload.Records("", tag).ID(i); !ids[id] {
			t.Fatalf("%s did not arrive as the channel would have made it", id)
		}
	}
}

// The bare loop's mails are whole, on no more sessions than it was given.
func TestBareMails(t *testing.T) {
	task := bareTask(t, Email)
	sim, err := emailsim.Start(task.Provider, emailsim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	runToEnd(t, task)
	ids := map[string]bool{}
	for _, m := range sim.Messages() {
		ids[m.Header.Get("X-Entity-Ref-ID")] = true
		if len(m.Faults) > 0 || m.Subject != "Your order is on its way" || len(m.Text) < 200 {
			t.Fatalf("%+v", m)
		}
	}
	if len(ids) != 300 || sim.Connections() != 3 {
		t.Errorf("%d different mails arrived, on %d connections", len(ids), sim.Connections())
	}
}

func bareTask(t *testing.T, channel string) task {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return task{
		Kind: Bare, Workload: someSends(300), Clock: filepath.Join(t.TempDir(), "clock"), Channel: channel, Connections: 3,
		Provider: addr, Key: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
	}
}

// Nothing that is lost or doubled passes.
func TestNoted(t *testing.T) {
	w := someSends(3)
	r := &channelRun{run: run{sends: w.Records("", tag)}}
	id := r.sends.ID
	for _, c := range []struct {
		name, kind, record, want string
	}{
		{"each once, in any order", Bare, id(2) + "\n" + id(0) + "\n" + id(1) + "\n", ""},
		{"one is lost", Bare, id(2) + "\n" + id(0) + "\n", id(1) + " reached the simulator 0 times"},
		{"one is doubled", Bare, id(0) + "\n" + id(1) + "\n" + id(2) + "\n" + id(1) + "\n", id(1) + " reached the simulator 2 times"},
		{"one of somebody else's", Bare, id(0) + "\n" + id(1) + "\n" + id(2) + "\n\n", "1 messages that nobody sent"},
		{"smtp-source's have no ids", SMTPSource, "\n\n\n", ""},
		{"smtp-source's are too few", SMTPSource, "\n\n", "2 messages reached the simulator, and 3 were sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record")
			if err := os.WriteFile(path, []byte(c.record), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(r.noted(c.kind, path)); c.want == "" && got != "<nil>" || !strings.Contains(got, c.want) {
				t.Errorf("%s, want %q", got, c.want)
			}
		})
	}
}

// The simulator's record has what it took, and says what is not ours.
func TestSimulatorNotes(t *testing.T) {
	task := bareTask(t, Webhook)
	task.Record = filepath.Join(t.TempDir(), "record")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- simulator(ctx, task, &clock{path: task.Clock}) }()
	for begun := false; !begun; begun, _ = readClock(task.Clock) {
		time.Sleep(time.Millisecond) // until it listens
	}
	task.Clock += "-bare"
	runToEnd(t, task)
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	r := &channelRun{run: run{sends: task.Workload.Records("", tag)}}
	if err := r.noted(Bare, task.Record); err != nil {
		t.Error(err)
	}
}

// A client that is not answered says of which message, and the run ends.
func TestBareFails(t *testing.T) {
	for _, channel := range Channels() {
		task := bareTask(t, channel)
		nobody, err := net.Listen("tcp", task.Provider)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for conn, err := nobody.Accept(); err == nil; conn, err = nobody.Accept() {
				_ = conn.Close()
			}
		}()
		err = bare(t.Context(), task, &clock{path: task.Clock})
		if err == nil {
			t.Errorf("%s: nobody answered, and nothing was wrong", channel)
		}
		nobody.Close()
	}
}

func TestChannelConfigCheck(t *testing.T) {
	good := ChannelConfig{
		Config:  Config{Broker: "embedded", Workload: someSends(1), Rounds: 1, Partitions: 1, Kinds: ChannelKinds(Webhook)},
		Channel: Webhook, Connections: 1,
	}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*ChannelConfig){
		`channel: "sms"`: func(c *ChannelConfig) { c.Channel = "sms" },
		"connections: 0": func(c *ChannelConfig) { c.Connections = 0 },
		"rounds: 0":      func(c *ChannelConfig) { c.Rounds = 0 },
	} {
		c := good
		spoil(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}
