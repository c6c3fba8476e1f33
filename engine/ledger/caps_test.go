package ledger

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/table"
)

var threeADay = caps.Rule{Limits: []caps.Limit{{Most: 3, Per: day}}}

// counting is a shard that counts, as its node restarts it.
type counting struct {
	*testing.T
	fs *vfs.MemFS
	l  *Ledger
	*Shard
}

func newCounting(t *testing.T) *counting {
	c := &counting{T: t, fs: vfs.NewMem()}
	c.restart(start, capsOf(1))
	t.Cleanup(func() { _ = c.l.Close() })
	return c
}

func capsOf(scope uint64) *Caps {
	return &Caps{Shape: caps.Shape{}.With(threeADay), Scope: scope, Memory: &table.Memory{}}
}

func (c *counting) restart(now time.Time, counts *Caps) {
	c.Helper()
	if c.l != nil {
		if err := c.l.Close(); err != nil {
			c.Fatal(err)
		}
	}
	c.l = openOn(c, c.fs)
	c.l.cfg.Caps = counts
	c.Shard, _ = load(c, c.l, now)
}

// recount is what a restore does that has found nothing in `status`.
func (c *counting) recount(now time.Time) {
	c.Helper()
	if err := c.Recount(); err != nil {
		c.Fatal(err)
	}
	c.Recounted(0)
	apply(c, c.Shard, &Batch{At: now, Pos: none})
}

// send lands a send to a recipient, whose outcome is the next in `status`.
func (c *counting) send(to string, at time.Time) {
	c.Helper()
	apply(c, c.Shard, &Batch{
		At: at, Entries: []Entry{settled(int(c.seq))}, Pos: Position{int64(c.seq) + 1, -1},
		Counts: []Count{{Key: caps.KeyOf("shop", to, 2), At: caps.At(at)}}, Low: [2]int64{int64(c.seq), 0},
	})
}

func (c *counting) may(to string, now time.Time) bool {
	_, ok := c.Counts().Opens(caps.KeyOf("shop", to, 2), threeADay, now)
	return ok
}

// What was counted is known after a restart, up to the same place in `status`, and
// nothing else.
func TestCountsSurviveARestart(t *testing.T) {
	c := newCounting(t)
	if c.Counted() >= 0 {
		t.Error("a new disk knows what went out")
	}
	c.recount(start)
	for i := range 3 {
		c.send("u1", start.Add(time.Duration(i)*time.Hour))
	}
	c.send("u2", start)
	to := c.Counted()
	now := start.Add(3 * time.Hour)
	for range 2 {
		if c.may("u1", now) || !c.may("u2", now) || c.Counted() != to || to != c.pos.Status {
			t.Fatalf("u1: %v, u2: %v, up to %d of %d", c.may("u1", now), c.may("u2", now), c.Counted(), to)
		}
		c.restart(now, capsOf(1))
	}
	if !c.may("u1", start.Add(day)) {
		t.Error("a day after the first it may not go")
	}
	c.send("u1", start.Add(day))
	if c.may("u1", start.Add(day)) {
		t.Error("what was counted before and after do not add up")
	}
}

// A reservation is over when what it was for is counted, and not known after a
// restart.
func TestCountsEndReservations(t *testing.T) {
	c := newCounting(t)
	c.recount(start)
	k := caps.KeyOf("shop", "u1", 2)
	for range 3 {
		c.Counts().Reserve(k)
	}
	apply(t, c.Shard, &Batch{At: start, Pos: Position{1, -1}, Counts: []Count{{Key: k, At: caps.At(start), Reserved: true}}})
	if c.may("u1", start) {
		t.Error("one that is counted and two that are reserved are not three")
	}
	c.restart(start, capsOf(1))
	if !c.may("u1", start) {
		t.Error("reservations outlive the shard")
	}
}

// Rows that do not tell all are not believed.
func TestCountsThatAreNotWhole(t *testing.T) {
	for name, happens := range map[string]func(*counting){
		"other sends are capped": func(c *counting) { c.restart(start, capsOf(2)) },
		"no caps for a while": func(c *counting) {
			c.restart(start, nil)
			c.restart(start, capsOf(1))
		},
		"another version went on without them": func(c *counting) {
			c.l.cfg.Caps, c.counts = nil, counts{}
			c.send0(start)
			c.restart(start, capsOf(1))
		},
		"one is missing": func(c *counting) {
			row := binary.BigEndian.AppendUint64(prefix(countKind, c.id, 8), c.seq-2)
			if err := c.l.db.Delete(row, nil); err != nil {
				c.Fatal(err)
			}
			c.restart(start, capsOf(1))
		},
		"the first is missing": func(c *counting) {
			row := binary.BigEndian.AppendUint64(prefix(countKind, c.id, 8), c.counts.oldest)
			if err := c.l.db.Delete(row, nil); err != nil {
				c.Fatal(err)
			}
			c.restart(start, capsOf(1))
		},
		"a crash in a recount": func(c *counting) {
			if err := c.Recount(); err != nil {
				c.Fatal(err)
			}
			c.send("u1", start)
			c.restart(start, capsOf(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounting(t)
			c.recount(start)
			for range 5 {
				c.send("u1", start)
			}
			if happens(c); c.Counted() >= 0 {
				t.Fatal("they are taken for whole")
			}
			c.recount(start)
			if !c.may("u1", start) {
				t.Error("a recount begins with what was there")
			}
			c.send("u1", start)
			if c.restart(start, c.l.cfg.Caps); c.Counted() != c.pos.Status {
				t.Errorf("after a recount they are not whole: %d", c.Counted())
			}
		})
	}
}

// send0 lands a batch as a version that knows no caps.
func (c *counting) send0(at time.Time) {
	apply(c, c.Shard, &Batch{At: at, Entries: []Entry{settled(1000)}, Pos: Position{1000, -1}})
}

// What is past the longest window leaves the disk as well.
func TestCountsExpire(t *testing.T) {
	c := newCounting(t)
	c.recount(start)
	most := 0
	for i := range 5 * 24 {
		now := start.Add(time.Duration(i) * time.Hour)
		c.send("u1", now)
		it, err := c.l.db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ok := it.SeekGE([]byte{countKind}); ok && it.Key()[0] == countKind; ok = it.Next() {
			n++
		}
		most = max(most, n)
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			if c.restart(now, capsOf(1)); c.Counted() < 0 || c.may("u1", now) {
				t.Fatal("after", i, "hours:", c.Counted(), c.may("u1", now))
			}
		}
	}
	if most > 24+2*24/countsPerWindow+2 {
		t.Errorf("%d rows are on disk, of one per hour", most)
	}
}
