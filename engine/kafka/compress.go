package kafka

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var (
	lz4Writers = sync.Pool{New: func() any { return lz4.NewWriter(nil) }}

	// zstdWriter serves any number of goroutines.
	zstdWriter = sync.OnceValue(func() *zstd.Encoder {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(256<<10))
		if err != nil {
			panic(fmt.Sprintf("kafka: zstd refuses constant options: %v", err))
		}
		return w
	})
)

// compress appends the compressed records to out.
func compress(codec Codec, out, records []byte) []byte {
	switch codec {
	case Snappy:
		return append(out, snappy.Encode(nil, records)...)
	case LZ4:
		b := bytes.NewBuffer(out)
		w := lz4Writers.Get().(*lz4.Writer)
		defer lz4Writers.Put(w)
		w.Reset(b)
		_, err := w.Write(records)
		if err == nil {
			err = w.Close()
		}
		if err != nil { // a buffer takes everything
			panic(fmt.Sprintf("kafka: lz4 into memory: %v", err))
		}
		return b.Bytes()
	case Zstd:
		return zstdWriter().EncodeAll(records, out)
	}
	panic(fmt.Sprintf("kafka: Batch.Codec %d cannot be written", codec))
}
