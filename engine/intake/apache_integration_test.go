//go:build integration

package intake

import (
	"net"
	"strings"
	"testing"
	"time"

	brokers "github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine/kafka"
)

// onApache is a group at Apache Kafka, with a session as short as it allows here.
func onApache(t *testing.T, partitions int) *council {
	t.Helper()
	apache, err := brokers.StartKafka(t.Context(), brokers.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = apache.Close() }) // its data is temporary
	client := kafka.NewClient(kafka.Config{Brokers: []string{apache.Addr()}, ClientID: "test"})
	t.Cleanup(client.Close)
	var topics []kafka.TopicSpec
	for _, name := range []string{"sends", "sends.bulk"} {
		topics = append(topics, kafka.TopicSpec{Name: name, Partitions: partitions, Replication: 1})
	}
	if err := client.CreateTopics(t.Context(), topics); err != nil {
		t.Fatal(err)
	}
	return convene(&broker{t: t, client: client}, []string{apache.Addr()}, (&net.Dialer{}).DialContext, GroupConfig{
		SessionTimeout: 3 * time.Second, RebalanceTimeout: 20 * time.Second, Heartbeat: 100 * time.Millisecond,
	})
}

// TestApacheKafka takes a group of Apache Kafka's through what one of the
// embedded broker goes through in virtual time.
func TestApacheKafka(t *testing.T) {
	c := onApache(t, 8)
	first := map[string]*node{}
	for i, name := range []string{"a", "b", "c"} {
		first[name] = c.node(name)
		first[name].run()
		c.settled(i+1, 8)
	}
	a := c.now("a")
	c.takes(5 * time.Second) // longer than a session
	first["b"].leave()
	c.settled(2, 8)
	if now := c.now("a"); !among(a.Shards, now.Shards) || now.Member != a.Member {
		t.Errorf("b left: a was %+v and is %+v", a, now)
	}

	t.Log("the answer to a join is lost")
	before, ended := c.now("a"), first["a"].ended()
	d := c.node("d")
	d.run()
	until(t, "d waits for a", func() bool { return first["a"].ended() > ended })
	d.reset()
	c.settled(3, 8)
	if now := c.now("a"); !among(now.Shards, before.Shards) || now.Member != a.Member {
		t.Errorf("d joined: a was %+v and is %+v", before, now)
	}

	t.Log("a killed node's shards are taken over when its session has ended")
	d.kill()
	killed := time.Now()
	c.settled(2, 8)
	if took := time.Since(killed); took < 2*time.Second {
		t.Errorf("after %v", took)
	}
}

// TestApacheKafkaRestart: a node that comes back after a crash does not make the
// others wait for its former self.
func TestApacheKafkaRestart(t *testing.T) {
	c := onApache(t, 8)
	c.cfg.SessionTimeout = 15 * time.Second
	c.join("a")
	c.settled(1, 8)
	dir := t.TempDir()
	b := c.node("b").remember(dir)
	b.run()
	c.settled(2, 8)
	b.kill()
	again := c.node("b again").remember(dir)
	began := time.Now()
	again.run()
	c.settled(2, 8)
	took := time.Since(began)
	t.Logf("after a kill and a restart the group is complete in %v", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("after %v", took)
	}
	began = time.Now()
	c.join("c")
	c.settled(3, 8)
	t.Logf("a third node has its shards in %v", time.Since(began).Round(time.Millisecond))
}

// TestApacheKafkaFormats: the broker picks what all members know.
func TestApacheKafkaFormats(t *testing.T) {
	c := onApache(t, 4)
	young := c.node("young")
	young.formats = []int{1, 2}
	young.run()
	c.settled(1, 4)
	if got := c.now("young").Format; got != 2 {
		t.Errorf("alone: format %d", got)
	}
	old := c.node("old")
	old.formats = []int{1, 1}
	old.run()
	c.settled(2, 4)
	if got, other := c.now("young").Format, c.now("old").Format; got != 1 || other != 1 {
		t.Errorf("together: formats %d and %d", got, other)
	}
	old.leave()
	c.settled(1, 4)
	if got := c.now("young").Format; got != 2 {
		t.Errorf("alone again: format %d", got)
	}

	// Kafka's own tool reads what the members say.
	cmd, err := brokers.Tool(t.Context(), "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
		"--bootstrap-server", c.addrs[0], "--describe", "--group", "g", "--members", "--verbose")
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "sends:0,1,2,3") || !strings.Contains(string(out), "sends.bulk:0,1,2,3") {
		t.Errorf("%v:\n%s", err, out)
	}
}
