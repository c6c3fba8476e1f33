package kafka_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/kafka"
)

// delegate is one member, whose calls are made one by one.
type delegate struct {
	peer
	kafka.Join
	kafka.Joined
}

func (p peer) delegate(protocols ...string) *delegate {
	d := &delegate{peer: p, Join: kafka.Join{
		Group: p.topic, Session: 10 * time.Second, Rebalance: 10 * time.Second, Protocols: protocols,
		Subscription: kafka.Subscription{Topics: []string{p.topic}, Generation: -1},
	}}
	return d
}

// enter joins as a member that is told its id first.
func (d *delegate) enter(t *testing.T) {
	t.Helper()
	var err error
	d.Joined, err = d.client.JoinGroup(within(t), d.Join)
	if !errors.Is(err, kafkago.MemberIDRequired) || d.Joined.Member == "" || d.Joined.Generation != -1 {
		t.Fatalf("the first join: %+v, %v", d.Joined, err)
	}
	d.Join.Member = d.Joined.Member
	d.again(t)
}

func (d *delegate) again(t *testing.T) {
	t.Helper()
	joined, err := d.client.JoinGroup(within(t), d.Join)
	if err != nil || joined.Member != d.Join.Member {
		t.Fatalf("%+v, %v", joined, err)
	}
	d.Joined = joined
}

func (d *delegate) sync(t *testing.T, shares map[string][]kafka.Partition) []kafka.Partition {
	t.Helper()
	share, err := d.client.SyncGroup(within(t), d.Group, d.Joined, shares, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return share
}

func (d *delegate) beat(ctx context.Context) error {
	return d.client.Heartbeat(ctx, d.Group, d.Joined.Generation, d.Joined.Member)
}

func (d *delegate) awaitRebalance(t *testing.T) {
	t.Helper()
	for ctx := within(t); ; {
		switch err := d.beat(ctx); {
		case errors.Is(err, kafkago.RebalanceInProgress):
			return
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestGroupOfTwo(t *testing.T) { onEach(t, testGroupOfTwo) }

// testGroupOfTwo takes a group through the life of two members.
func testGroupOfTwo(t *testing.T, p peer) {
	zero, one := kafka.Partition{Topic: p.topic}, kafka.Partition{Topic: p.topic, Index: 1}
	old, young := p.delegate("two", "one"), p.delegate("one")
	old.enter(t)
	if len(old.Others) != 1 || old.Others[0].ID != old.Joined.Member || old.Protocol != "two" {
		t.Fatalf("alone: %+v", old.Joined)
	}
	if got := old.sync(t, map[string][]kafka.Partition{old.Joined.Member: {zero, one}}); !slices.Equal(got, []kafka.Partition{zero, one}) {
		t.Fatalf("alone it has %v", got)
	}
	if err := old.beat(within(t)); err != nil {
		t.Fatal(err)
	}
	joining := make(chan struct{})
	go func() {
		defer close(joining)
		young.enter(t)
	}()
	old.awaitRebalance(t)
	generation := old.Joined.Generation
	old.Subscription.Owned, old.Subscription.Generation = []kafka.Partition{zero, one}, generation
	old.again(t)
	<-joining
	leader, other := old, young
	if leader.Others == nil {
		leader, other = young, old
	}
	if leader.Joined.Generation <= generation || leader.Joined.Generation != other.Joined.Generation ||
		len(leader.Others) != 2 || other.Others != nil || leader.Protocol != "one" || other.Protocol != "one" {
		t.Fatalf("%+v and %+v", leader.Joined, other.Joined)
	}
	for _, m := range leader.Others {
		want := map[string]kafka.Subscription{old.Joined.Member: old.Subscription, young.Joined.Member: young.Subscription}[m.ID]
		if !slices.Equal(m.Topics, want.Topics) || !slices.Equal(m.Owned, want.Owned) || m.Generation != want.Generation {
			t.Errorf("%s says %+v, want %+v", m.ID, m.Subscription, want)
		}
	}
	leader.sync(t, map[string][]kafka.Partition{leader.Joined.Member: {one}}) // and forgets the other
	if got := other.sync(t, nil); got != nil {
		t.Errorf("it has %v", got)
	}
	stale := *old
	stale.Joined.Generation = generation
	if err := stale.beat(within(t)); !errors.Is(err, kafkago.IllegalGeneration) {
		t.Errorf("an older generation's heartbeat: %v", err)
	}
	if err := p.client.LeaveGroup(within(t), p.topic, young.Joined.Member); err != nil {
		t.Fatal(err)
	}
	if err := young.beat(within(t)); !errors.Is(err, kafkago.UnknownMemberId) {
		t.Errorf("the heartbeat of one who left: %v", err)
	}
	if err := p.client.LeaveGroup(within(t), p.topic, young.Joined.Member); err != nil {
		t.Errorf("leaving again: %v", err)
	}
	old.awaitRebalance(t)
	if _, err := p.client.JoinGroup(within(t), young.Join); !errors.Is(err, kafkago.UnknownMemberId) {
		t.Errorf("joining under the id of one who left: %v", err)
	}
}

func TestJoinIsRefused(t *testing.T) { onEach(t, testJoinIsRefused) }

func testJoinIsRefused(t *testing.T, p peer) {
	short := p.delegate("one")
	short.Session = time.Millisecond
	if _, err := p.client.JoinGroup(within(t), short.Join); !errors.Is(err, kafkago.InvalidSessionTimeout) {
		t.Errorf("a session of 1 ms: %v", err)
	}
	// Somebody else's program has the group.
	member := foreign(t, p.addrs, kgo.ConsumerGroup(p.topic), kgo.ConsumeTopics(p.topic), kgo.DisableAutoCommit())
	ctx := within(t)
	for generation := int32(-1); generation < 1; _, generation = member.GroupMetadata() {
		if ctx.Err() != nil {
			t.Fatal("the foreign member never joined")
		}
		member.PollFetches(shortly(t))
	}
	_, err := p.client.JoinGroup(within(t), p.delegate("one").Join)
	want := "joining group " + p.topic + ": " + kafkago.InconsistentGroupProtocol.Error() +
		"; the group has members of another program, or of a version that is too far away: stop them, or set kafka.group"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A join that is given up while it waits for others frees the connection that it
// waited on.
func TestJoinIsGivenUp(t *testing.T) { onEach(t, testJoinIsGivenUp) }

func testJoinIsGivenUp(t *testing.T, p peer) {
	var open atomic.Int32
	counting := kafka.NewClient(kafka.Config{Brokers: p.addrs, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		open.Add(1)
		return &counted{Conn: conn, open: &open}, err
	}})
	t.Cleanup(counting.Close)
	old, young := p.delegate("one"), p.delegate("one")
	young.client = counting
	old.enter(t)
	old.sync(t, nil)
	var err error
	young.Joined, err = counting.JoinGroup(within(t), young.Join)
	if !errors.Is(err, kafkago.MemberIDRequired) {
		t.Fatal(err)
	}
	young.Join.Member = young.Joined.Member
	ctx, cancel := context.WithCancel(within(t))
	given := make(chan error)
	go func() {
		_, err := counting.JoinGroup(ctx, young.Join)
		given <- err
	}()
	old.awaitRebalance(t)
	before := open.Load()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); open.Load() >= before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection stays")
		}
	}
}

// counted is a connection that tells when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
