//go:build integration

package broker

import (
	"strings"
	"testing"
)

func startKafka(t *testing.T) *Broker {
	t.Helper()
	b, err := StartKafka(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, b)
	return b
}

// The same as the embedded broker is held to, on the real one: here it says
// something about Kafka, there about how good a stand-in the fake is.
func TestKafkaSurvivesKill(t *testing.T) { survivesKill(t, startKafka(t)) }

func TestKafkaRestart(t *testing.T) { restarts(t, startKafka(t)) }

// Kafka's own producer writes what kafka-go reads.
func TestKafkaTool(t *testing.T) {
	b := startKafka(t)
	p := newPeer(t, b)
	p.createTopic("log", 1)
	cmd, err := Tool(t.Context(), ConsoleProducer, "--bootstrap-server", b.Addr(), "--topic", "log")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if got := strings.Join(p.consume("log", 0), " "); got != "one two" {
		t.Errorf("read back %q", got)
	}
}

// A start that fails shows the end of Kafka's log.
func TestKafkaRefuses(t *testing.T) {
	_, err := StartKafka(t.Context(), Options{Dir: t.TempDir(), Heap: "1x"})
	if err == nil {
		t.Fatal("it started")
	}
	for _, want := range []string{"Invalid maximum heap size", "broker.log"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %q, want it to say %q", err, want)
		}
	}
}
