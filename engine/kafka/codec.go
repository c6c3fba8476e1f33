package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is the compression of a batch's records, with Kafka's numbers.
type Codec int8

// Kafka's codecs. All are read; all but Gzip are written.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

// ParseCodec reads a codec to write with: none, snappy, lz4 or zstd.
func ParseCodec(name string) (Codec, error) {
	switch name {
	case "", "none":
		return None, nil
	case "snappy":
		return Snappy, nil
	case "lz4":
		return LZ4, nil
	case "zstd":
		return Zstd, nil
	}
	return None, fmt.Errorf("%q is no compression: use none, snappy, lz4 or zstd", name)
}

var (
	errBomb        = errors.New("grows too large when decompressed")
	errCompression = errors.New("compressed data damaged")
)

// decompress returns a new buffer of at most limit bytes. Its errors carry
// nothing of the data.
func decompress(codec Codec, b []byte, limit int) ([]byte, error) {
	switch codec {
	case Gzip:
		return inflate(&gzips, b, limit)
	case Snappy:
		return unsnappy(b, limit)
	case LZ4:
		return inflate(&lz4s, b, limit)
	case Zstd:
		return unzstd(b, limit)
	}
	return nil, fmt.Errorf("unknown compression %d", codec)
}

// inflater is a decompressing reader that can be used again.
type inflater interface {
	io.Reader
	Reset(io.Reader) error
}

var (
	gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4s  = sync.Pool{New: func() any { return lz4Reader{lz4.NewReader(nil)} }}
)

type lz4Reader struct{ *lz4.Reader }

func (r lz4Reader) Reset(src io.Reader) error { r.Reader.Reset(src); return nil }

func inflate(pool *sync.Pool, b []byte, limit int) ([]byte, error) {
	r := pool.Get().(inflater)
	defer pool.Put(r)
	if err := r.Reset(bytes.NewReader(b)); err != nil {
		return nil, errCompression
	}
	out := bytes.NewBuffer(make([]byte, 0, min(4*len(b), limit)+bytes.MinRead))
	n, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, errCompression
	case n > int64(limit):
		return nil, errBomb
	}
	return out.Bytes(), nil
}

// xerial is how the frames of snappy-java begin, which Kafka's Java clients
// write: then version and compatible version, and blocks after their lengths.
var xerial = []byte("\x82SNAPPY\x00")

func unsnappy(b []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(b, xerial) {
		return snappyBlock(nil, b, limit)
	}
	if len(b) < 16 {
		return nil, errCompression
	}
	var out []byte
	for b = b[16:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, errCompression
		}
		n := int64(binary.BigEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return nil, errCompression
		}
		var err error
		if out, err = snappyBlock(out, b[4:4+n], limit); err != nil {
			return nil, err
		}
		b = b[4+n:]
	}
	return out, nil
}

// snappyBlock appends a decompressed block to out.
func snappyBlock(out, b []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(b)
	switch {
	case err != nil:
		return nil, errCompression
	case n > limit-len(out):
		return nil, errBomb
	}
	block, err := snappy.Decode(nil, b)
	if err != nil {
		return nil, errCompression
	}
	if out == nil {
		return block, nil
	}
	return append(out, block...), nil
}

// zstds holds one decoder for each limit in use; a decoder serves any number
// of goroutines.
var zstds sync.Map // int → *zstd.Decoder

func unzstd(b []byte, limit int) ([]byte, error) {
	d, ok := zstds.Load(limit)
	if !ok {
		made, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(limit)), zstd.WithDecoderConcurrency(0))
		if err != nil {
			return nil, fmt.Errorf("preparing zstd: %w", err)
		}
		d, _ = zstds.LoadOrStore(limit, made)
	}
	out, err := d.(*zstd.Decoder).DecodeAll(b, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errBomb
	case err != nil:
		return nil, errCompression
	}
	return out, nil
}
