package limit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
)

// settled is how many sends are in one batch to the disk.
const settled = 256

// pebbleJournal writes one packed entry for each batch through the engine's
// ledger, which also puts the ids into its index in memory: all that the engine
// does on the disk for a send that goes well. Each shard has a goroutine.
func pebbleJournal(ctx context.Context, t task, c *clock) error {
	disk, err := ledger.Open(ledger.Config{Dir: t.Dir, Window: time.Hour}, zerolog.Nop())
	if err != nil {
		return err
	}
	shards := make([]*ledger.Shard, t.Shards)
	for i := range shards {
		if shards[i], err = disk.Load(int32(i), time.Now(), func(ledger.Entry) {}); err != nil {
			return errors.Join(err, disk.Close())
		}
	}
	c.begin()
	err = eachShard(t, func(shard, from, to int) error {
		random := newKeys(shard)
		b := ledger.Batch{Entries: make([]ledger.Entry, 0, settled), Pos: ledger.Position{Ledger: -1}}
		for ; from < to && ctx.Err() == nil; from += settled {
			b.Entries = b.Entries[:0]
			for i := from; i < min(from+settled, to); i++ {
				b.Entries = append(b.Entries, ledger.Entry{Key: random.next(), Origin: uint64(i), Offset: int64(i)})
			}
			b.At, b.Pos.Status, b.Low = time.Now(), int64(from), [2]int64{int64(from)}
			if err := shards[shard].Apply(&b); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err == nil {
		c.end(ctx)
	}
	return errors.Join(err, disk.Close())
}

// pebbleSets writes one key for each send instead, at random places, as a table
// of ids would: what the journal spares. The rows are as large as the journal's
// share of a send.
func pebbleSets(ctx context.Context, t task, c *clock) error {
	db, err := pebble.Open(t.Dir, ledger.Options())
	if err != nil {
		return fmt.Errorf("open Pebble in %s: %w", t.Dir, err)
	}
	c.begin()
	err = eachShard(t, func(shard, from, to int) error {
		random, value := newKeys(shard), make([]byte, 18)
		for ; from < to && ctx.Err() == nil; from += settled {
			w := db.NewBatch()
			for range min(settled, to-from) {
				key := random.next()
				if err := w.Set(key[:], value, nil); err != nil {
					return err
				}
			}
			if err := w.Commit(pebble.NoSync); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err == nil {
		c.end(ctx)
	}
	return errors.Join(err, db.Close())
}

// eachShard shares the sends out, and runs all shards at once.
func eachShard(t task, run func(shard, from, to int) error) error {
	errs := make([]error, t.Shards)
	var running sync.WaitGroup
	for i := range t.Shards {
		running.Go(func() { errs[i] = run(i, i*t.Workload.Sends/t.Shards, (i+1)*t.Workload.Sends/t.Shards) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// keys makes keys that are spread as hashes are, at no cost that counts.
type keys struct{ random *rand.PCG }

func newKeys(shard int) keys { return keys{rand.NewPCG(1, uint64(shard))} }

func (k keys) next() send.Key {
	var key send.Key
	binary.LittleEndian.PutUint64(key[:8], k.random.Uint64())
	binary.LittleEndian.PutUint64(key[8:], k.random.Uint64())
	return key
}
