package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// In every version of the answers that tell a broker's address, another one is
// put there, and nothing else changes.
func TestTalk(t *testing.T) {
	stand := func(addr string) (string, error) {
		if addr != "broker-1:9092" {
			return "", errors.New(addr)
		}
		return "127.0.0.1:15000", nil
	}
	for _, kind := range []kmsg.Request{
		kmsg.NewPtrMetadataRequest(), kmsg.NewPtrFindCoordinatorRequest(), kmsg.NewPtrDescribeClusterRequest(),
	} {
		for version := range kind.MaxVersion() + 1 {
			kind.SetVersion(version)
			ask := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(kind.Key()))
			ask = binary.BigEndian.AppendUint16(ask, uint16(version))
			ask = binary.BigEndian.AppendUint32(ask, 77)
			c := newTalk(stand)
			if got := c.request(ask); !reflect.DeepEqual(got, ask) {
				t.Fatalf("key %d, version %d: the question changed", kind.Key(), version)
			}
			got := decoded(t, c.response(encoded(answerOf(kind, "broker-1", 9092))), kind)
			want := decoded(t, encoded(answerOf(kind, "127.0.0.1", 15000)), kind)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("key %d, version %d: %+v, want %+v", kind.Key(), version, got, want)
			}
		}
	}
}

// answerOf has a broker's address wherever one can be.
func answerOf(kind kmsg.Request, host string, port int32) kmsg.Response {
	res := kind.ResponseKind()
	switch m := res.(type) {
	case *kmsg.MetadataResponse:
		m.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: host, Port: port}}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr("t")
		m.Topics = append(m.Topics, topic)
	case *kmsg.DescribeClusterResponse:
		m.Brokers = []kmsg.DescribeClusterResponseBroker{{NodeID: 1, Host: host, Port: port}}
	case *kmsg.FindCoordinatorResponse:
		m.Host, m.Port = host, port
		m.Coordinators = []kmsg.FindCoordinatorResponseCoordinator{{Key: "g", NodeID: 1, Host: host, Port: port}}
	}
	return res
}

func encoded(res kmsg.Response) []byte {
	frame := binary.BigEndian.AppendUint32(make([]byte, 4), 77)
	if res.IsFlexible() {
		frame = append(frame, 1, 9, 1, 0) // a tag that nobody knows
	}
	frame = res.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

func decoded(t *testing.T, frame []byte, kind kmsg.Request) kmsg.Response {
	t.Helper()
	res := kind.ResponseKind()
	if n := binary.BigEndian.Uint32(frame); int(n) != len(frame)-4 || binary.BigEndian.Uint32(frame[4:]) != 77 {
		t.Fatalf("the frame begins with % x and has %d bytes", frame[:8], len(frame))
	}
	body := kbin.Reader{Src: frame[8:]}
	if res.IsFlexible() {
		kmsg.SkipTags(&body)
	}
	if err := res.ReadFrom(body.Src); err != nil {
		t.Fatal(err)
	}
	return res
}

// A client that knows the broker by the link alone: it stands still while that
// is cut, without an error on what is open, and goes on when it is whole.
func TestLink(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	l := newLink()
	defer l.close()
	addr, err := l.to(fake.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("t"), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	produce := func(ctx context.Context) error { return client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr() }
	if err := produce(t.Context()); err != nil {
		t.Fatal(err)
	}
	about, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), client)
	if err != nil || len(about.Brokers) != 1 || net.JoinHostPort(about.Brokers[0].Host, fmt.Sprint(about.Brokers[0].Port)) != addr {
		t.Errorf("the client knows of %+v, %v; want %s alone", about.Brokers, err, addr)
	}

	l.cut()
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v, want it refused", err)
	}
	held := make(chan error)
	go func() { held <- produce(t.Context()) }()
	select {
	case err := <-held:
		t.Errorf("produced over a cut link: %v", err)
	case <-time.After(100 * time.Millisecond): // only a fault could make it fail
	}
	if err := l.heal(); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Errorf("what was held when the link was cut: %v", err)
	}
	if err := produce(t.Context()); err != nil {
		t.Errorf("after it was healed: %v", err)
	}
}
