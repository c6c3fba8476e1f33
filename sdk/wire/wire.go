// Package wire holds what the engine and a plugin must agree on below the
// protocol itself: the handshake, the gRPC codec and the size limits.
// A plugin author never needs it.
package wire

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Version is the number of the plugin protocol, channel.v1.
const Version = 1

// MaxMessage bounds one gRPC message each way, in bytes. go-plugin's own limit
// is 2 GiB, which a hostile plugin could make the engine allocate.
const MaxMessage = 32 << 20

// Name is the key of the channel service in go-plugin's plugin set.
const Name = "channel"

// Handshake keeps somebody who starts a plugin by hand from waiting for
// nothing. It is no authentication: AutoMTLS is.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  Version,
	MagicCookieKey:   "CARILLON_PLUGIN",
	MagicCookieValue: "channel.v1",
}

// Codec is gRPC's protobuf codec with the generated, reflection-free methods
// where a message has them.
var Codec encoding.CodecV2 = codec{}

type codec struct{}

type fastMessage interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case fastMessage:
		n := m.SizeVT()
		if mem.IsBelowBufferPoolingThreshold(n) {
			b := make([]byte, n)
			_, err := m.MarshalToSizedBufferVT(b)
			return mem.BufferSlice{mem.SliceBuffer(b)}, err
		}
		buf := pool.Get(n)
		if _, err := m.MarshalToSizedBufferVT((*buf)[:n]); err != nil {
			pool.Put(buf)
			return nil, err
		}
		return mem.BufferSlice{mem.NewBuffer(buf, pool)}, nil
	case proto.Message:
		b, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	default:
		return nil, fmt.Errorf("wire: %T is no protobuf message", v)
	}
}

// Unmarshal lets what the stream carries share the memory of its message: a copy
// that nobody else has, that is never written to, and that lives as long as the
// last string of it. A batch then costs a tenth of the allocations.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *channelv1.DeliverRequest:
		err := m.UnmarshalVTUnsafe(data.Materialize())
		for _, a := range m.Attempts {
			a.Data = slices.Clip(a.Data) // what is appended to it must not run into the next string
		}
		return err
	case *channelv1.DeliverResponse:
		return m.UnmarshalVTUnsafe(data.Materialize())
	}
	buf := data.MaterializeToBuffer(pool)
	defer buf.Free()
	switch m := v.(type) {
	case fastMessage:
		return m.UnmarshalVT(buf.ReadOnlyData())
	case proto.Message:
		return proto.Unmarshal(buf.ReadOnlyData(), m)
	default:
		return fmt.Errorf("wire: %T is no protobuf message", v)
	}
}

// pool has more tiers than gRPC's default, which jumps from 32 KiB to 1 MiB
// and zeroes a whole MiB on each miss: a batch of sends is about 100 KiB.
var pool = mem.NewTieredBufferPool(1<<10, 4<<10, 16<<10, 32<<10, 64<<10, 128<<10, 256<<10, 512<<10, 1<<20)
