package kafka

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// fetchVersion is the one version of Fetch that is spoken: the newest before
// the flexible encoding, understood by brokers from 2.3 up to this day.
const fetchVersion = 11

// maxFetchAnswer bounds an answer beyond what was asked for. A broker answers
// the first batch whole however large it is, and none is larger than its
// message.max.bytes.
const maxFetchAnswer = 256 << 20

var errTooOld = errors.New("the broker is too old: Kafka 2.3 or later is needed")

// fetchRequest is a Fetch that reads its answer without copying it: kafka-go
// lets a message talk to the connection itself. Source of the layout:
// Kafka's FetchRequest.json and FetchResponse.json, version 11.
type fetchRequest struct {
	broker             int32
	clientID           string
	minBytes, maxBytes int32
	maxWait            time.Duration
	asked              []FetchPartition
	fetched            []Fetched // for asked, and those that have an Err already
	encoded            []byte    // made before the request leaves its caller, who may go on without it
	version            int16
}

type fetchResponse struct{ fetched []Fetched }

func (*fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch } //nolint:staticcheck // the name is kafka-go\'s
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:staticcheck // the name is kafka-go\'s

func (r *fetchRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.broker}, nil
}

func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchVersion {
		return nil, errTooOld
	}
	if _, err := rw.Write(r.encoded); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := int64(int32(binary.BigEndian.Uint32(size[:])))
	if n < 0 || n > maxFetchAnswer+int64(r.maxBytes) {
		return nil, fmt.Errorf("the broker announces an answer of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(rw, b); err != nil {
		return nil, err
	}
	return r.decode(b)
}

func (r *fetchRequest) encode() []byte {
	be := binary.BigEndian
	b := make([]byte, 4, 128+32*len(r.asked))
	b = be.AppendUint16(b, uint16(protocol.Fetch))
	b = be.AppendUint16(b, fetchVersion)
	b = be.AppendUint32(b, 1) // correlation id: one request at a time on a connection
	b = appendString(b, r.clientID)
	b = be.AppendUint32(b, ^uint32(0)) // replica: -1, a consumer
	b = be.AppendUint32(b, uint32(r.maxWait.Milliseconds()))
	b = be.AppendUint32(b, uint32(r.minBytes))
	b = be.AppendUint32(b, uint32(r.maxBytes))
	b = append(b, 1)                   // isolation level: read committed
	b = be.AppendUint32(b, 0)          // no fetch session
	b = be.AppendUint32(b, ^uint32(0)) // session epoch
	topics := byTopic(len(r.asked), func(i int) Partition { return r.asked[i].Partition })
	b = be.AppendUint32(b, uint32(len(topics)))
	for _, indexes := range topics {
		b = appendString(b, r.asked[indexes[0]].Topic)
		b = be.AppendUint32(b, uint32(len(indexes)))
		for _, i := range indexes {
			b = be.AppendUint32(b, uint32(r.asked[i].Index))
			b = be.AppendUint32(b, ^uint32(0)) // leader epoch: not checked
			b = be.AppendUint64(b, uint64(r.asked[i].Offset))
			b = be.AppendUint64(b, ^uint64(0)) // log start: for followers
			b = be.AppendUint32(b, uint32(r.asked[i].MaxBytes))
		}
	}
	b = be.AppendUint32(b, 0) // forgotten topics: for sessions
	b = appendString(b, "")   // rack: read from the leader
	be.PutUint32(b, uint32(len(b)-4))
	return b
}

func (r *fetchRequest) decode(b []byte) (protocol.Message, error) {
	c := &cursor{b: b}
	c.int32() // correlation id
	c.int32() // throttle time: the broker holds the connection itself
	if err := codeError(c.int16()); err != nil {
		return nil, err
	}
	c.int32() // session
	fetched := append([]Fetched(nil), r.fetched...)
	at := make(map[Partition]*Fetched, len(fetched))
	for i := range fetched { // one that the answer leaves out has nothing: it was full
		if f := &fetched[i]; f.Err == nil {
			at[f.Partition] = f
		}
	}
	for range c.count(6) {
		topic := string(c.take(int(c.int16())))
		for range c.count(38) {
			index := c.int32()
			f := at[Partition{topic, index}]
			if f == nil {
				f = &Fetched{}
			}
			decodePartition(c, f)
		}
	}
	if c.bad {
		return nil, errors.New("the broker's answer to a fetch ends too early")
	}
	return &fetchResponse{fetched}, nil
}

func decodePartition(c *cursor, f *Fetched) {
	f.Err = codeError(c.int16())
	f.HighWatermark, f.LastStable, f.LogStart = c.int64(), c.int64(), c.int64()
	for range c.count(16) {
		f.aborted = append(f.aborted, abortedTxn{c.int64(), c.int64()})
	}
	slices.SortFunc(f.aborted, func(a, b abortedTxn) int { return cmp.Compare(a.first, b.first) })
	c.int32() // preferred read replica
	if n := c.int32(); n > 0 {
		f.raw = c.take(int(n))
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
