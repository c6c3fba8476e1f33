package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/plugin/hostile"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
)

// hostileChannels are plugins that get past their start, and what the log says
// of each at the latest when attempts have come to it. Where that is empty, the
// metrics of its attempts say all there is.
var hostileChannels = map[string]string{
	hostile.GrantsNothing:  "",
	hostile.HangsInDeliver: "",
	hostile.EndsEarly:      "the plugin's stream broke",
	hostile.Strangers:      "the plugin answers attempts that it was never given",
	hostile.Twice:          "",
	hostile.Forgets:        "",
	hostile.HugeAnswer:     "received message larger than max",
	hostile.InventsCredits: "",
	hostile.HeedsNoCancel:  "",
	hostile.Floods:         "plugin writes too much: lines suppressed",
	hostile.Forks:          "",
	hostile.StaysAlive:     "",
}

// Twelve channels with a hostile plugin each cost the one beside them nothing:
// every send is delivered once. The engine says what is wrong, and stops in time.
func TestHostilePlugins(t *testing.T) {
	r := newRig(t)
	var log lines
	r.logged = &log
	for kind := range hostileChannels {
		r.hostileChannel(kind)
	}
	r.start()
	for kind := range hostileChannels {
		for i := range 3 {
			id := fmt.Sprintf("%s-%d", kind, i)
			r.enqueue(record(id, fmt.Sprintf(
				`{"id":%q,"app":"shop","to":{"id":%q,"email":"ana@example.com"},"channels":[%q],"content":{"title":"T","body":"B"}}`, id, id, kind)))
		}
	}
	const n = 2000
	for i := range n {
		r.enqueue(sinkSend("sends", i))
	}
	for all := 0; all < n; time.Sleep(20 * time.Millisecond) {
		all = r.metric(`carillon_attempts_total{account="default",channel="sink",verdict="accepted"}`)
	}
	for kind, says := range hostileChannels {
		for end := time.Now().Add(30 * time.Second); !log.say(kind, says); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the log says nothing of %q", kind, says)
			}
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	received := r.received()
	for i := range n {
		if id := fmt.Sprintf("m%d", i); received[id] != 1 {
			t.Errorf("%s arrived %d times", id, received[id])
		}
	}
}

// hostileChannel adds a channel of the kind's name, run by this test's binary.
func (r *rig) hostileChannel(kind string) {
	r.t.Helper()
	path, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	sum, err := host.Checksum(path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.channel(kind, map[string]any{"host": "localhost"}, nil)
	ch := r.cfg.Channels[kind]
	ch.Plugin = config.Plugin{Path: path, SHA256: sum, Args: []string{"hostile", kind}}
	r.cfg.Channels[kind] = ch
}

// lines keeps a log.
type lines struct {
	mu  sync.Mutex
	all [][]byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, bytes.Clone(p))
	return len(p), nil
}

// say says whether a line about the channel holds the text.
func (l *lines) say(channel, text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if bytes.Contains(line, []byte(text)) && strings.Contains(string(line), `"`+channel+`"`) {
			return true
		}
	}
	return text == ""
}
