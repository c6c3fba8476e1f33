package chaos

import (
	"encoding/binary"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// talk is what one connection says, and changes the brokers' addresses in the
// answers that tell them (Kafka protocol guide: Metadata, FindCoordinator,
// DescribeCluster).
type talk struct {
	stand func(addr string) (string, error) // what stands for an address

	mu    sync.Mutex
	asked map[int32]kmsg.Response // by correlation id: those to change, empty
}

func newTalk(stand func(string) (string, error)) *talk {
	return &talk{stand: stand, asked: map[int32]kmsg.Response{}}
}

// request returns a request as it is, and remembers what its answer will be.
// It begins with size, key, version and correlation id.
func (t *talk) request(frame []byte) []byte {
	if len(frame) < 12 {
		return frame
	}
	switch key := int16(binary.BigEndian.Uint16(frame[4:])); key {
	case new(kmsg.MetadataRequest).Key(), new(kmsg.FindCoordinatorRequest).Key(), new(kmsg.DescribeClusterRequest).Key():
		answer := kmsg.ResponseForKey(key)
		answer.SetVersion(int16(binary.BigEndian.Uint16(frame[6:])))
		t.mu.Lock()
		defer t.mu.Unlock()
		t.asked[int32(binary.BigEndian.Uint32(frame[8:]))] = answer
	}
	return frame
}

// response returns an answer with the addresses changed. One that can't be read
// is passed on as it is.
func (t *talk) response(frame []byte) []byte {
	if len(frame) < 8 {
		return frame
	}
	id := int32(binary.BigEndian.Uint32(frame[4:]))
	t.mu.Lock()
	answer, ok := t.asked[id]
	delete(t.asked, id)
	t.mu.Unlock()
	if !ok {
		return frame
	}
	body := kbin.Reader{Src: frame[8:]}
	if answer.IsFlexible() {
		kmsg.SkipTags(&body) // of the header
	}
	if !body.Ok() || answer.ReadFrom(body.Src) != nil || t.change(answer) != nil {
		return frame
	}
	out := make([]byte, 8, len(frame)+64)
	binary.BigEndian.PutUint32(out[4:], uint32(id))
	if answer.IsFlexible() {
		out = append(out, 0) // no tags
	}
	out = answer.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func (t *talk) change(answer kmsg.Response) error {
	switch m := answer.(type) {
	case *kmsg.MetadataResponse:
		for i := range m.Brokers {
			if err := t.put(&m.Brokers[i].Host, &m.Brokers[i].Port); err != nil {
				return err
			}
		}
	case *kmsg.DescribeClusterResponse:
		for i := range m.Brokers {
			if err := t.put(&m.Brokers[i].Host, &m.Brokers[i].Port); err != nil {
				return err
			}
		}
	case *kmsg.FindCoordinatorResponse:
		for i := range m.Coordinators {
			if err := t.put(&m.Coordinators[i].Host, &m.Coordinators[i].Port); err != nil {
				return err
			}
		}
		return t.put(&m.Host, &m.Port)
	}
	return nil
}

// put changes an address in place; an answer that names none has none.
func (t *talk) put(host *string, port *int32) error {
	if *host == "" {
		return nil
	}
	addr, err := t.stand(net.JoinHostPort(*host, strconv.Itoa(int(*port))))
	if err != nil {
		return err
	}
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(p)
	*host, *port = h, int32(n)
	return err
}
