package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

// claim makes the bench's producer, or another one, the owner of a partition.
func (b *bench) claim(p *outcome.Producer, index int32) {
	b.Helper()
	part := kafka.Partition{Topic: topic, Index: index}
	id, err := b.client.Claim(context.Background(), "owner", []kafka.Partition{part})
	if err != nil {
		b.Fatal(err)
	}
	p.Own(id, part)
}

func (b *bench) disown(index int32) {
	b.producer.Disown(kafka.Partition{Topic: topic, Index: index})
}

// another is a producer of another node.
func (b *bench) another() *bench { return newBenchAt(b.T, outcome.Config{}, b.addrs) }

// eventually waits for what a goroutine is about to do.
func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%s did not come", what)
		}
	}
}

// An older owner's records end with ErrFenced once a younger one has claimed
// the partition, those that wait included; what it does not own goes on.
func TestFenced(t *testing.T) {
	older := newBench(t, outcome.Config{})
	older.claim(older.producer, 1)
	older.send(1, "1-0")
	older.flush()
	younger := older.another()
	younger.claim(younger.producer, 1)
	for i := range 3 {
		older.send(1, fmt.Sprint("late ", i))
		older.flush()
		older.wantErr(fmt.Sprint("late ", i), outcome.ErrFenced)
	}
	older.send(2, "2-0")
	older.flush()
	older.wantErr("2-0", nil) // nobody owns that one
	for i := range 3 {
		younger.send(1, fmt.Sprintf("1-%d", i+1))
		younger.flush()
	}
	if got := older.stored(3)[1]; got != "1-0 1-1 1-2 1-3" {
		t.Errorf("stored %s", got)
	}
}

// One producer for the life of a node: what it lost it writes again under the
// next claim, from sequence 0, whichever way it was lost.
func TestOwnedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(b *bench)
		late error // what a record in between ends with
	}{
		{"disowned", func(b *bench) { b.disown(1) }, outcome.ErrFenced},
		{"disowned twice", func(b *bench) { b.disown(1); b.disown(1) }, outcome.ErrFenced},
		{"fenced by another node", func(b *bench) { b.claim(b.another().producer, 1) }, outcome.ErrFenced},
		{"neither: claimed over itself", func(*bench) {}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, outcome.Config{BatchBytes: 200})
			var want []string
			for round := range 3 {
				b.claim(b.producer, 1)
				for i := range 20 {
					want = append(want, fmt.Sprintf("%d-%d", round, i))
					b.send(1, want[len(want)-1])
				}
				b.flush()
				c.lose(b)
				late := fmt.Sprint("late ", round)
				b.send(1, late)
				b.flush()
				b.wantErr(late, c.late)
				if c.late == nil {
					want = append(want, late)
				}
			}
			if got := b.stored(2)[1]; got != strings.Join(want, " ") {
				t.Errorf("stored %s", got)
			}
		})
	}
}

// What was never owned can be disowned, and owned later.
func TestDisownFirst(t *testing.T) {
	b := newBench(t, outcome.Config{})
	b.disown(0)
	b.send(0, "early")
	b.flush()
	b.wantErr("early", outcome.ErrFenced)
	b.claim(b.producer, 0)
	b.send(0, "0-0")
	b.flush()
	b.wantErr("0-0", nil)
}

// Records in every place that a partition can be in when it is disowned: in a
// request that the broker does not answer, in line behind it, with the router,
// at rest. Their calls come at once, in order, and before those of the next
// identity; the others are left alone.
func TestDisownUnderWay(t *testing.T) {
	b := newBench(t, outcome.Config{})
	b.claim(b.producer, 1)
	b.send(1, "first")
	b.flush()
	release := make(chan struct{})
	asked := make(chan struct{}, 1)
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-release
		})
		return nil, nil, false
	})
	b.send(1, "in flight")
	<-asked
	var mu sync.Mutex
	var order []string
	note := func(index int32, value string) {
		b.producer.Produce(kafka.Partition{Topic: topic, Index: index}, []kafka.Record{{Value: []byte(value)}},
			func(_ int64, err error) {
				b.producer.Unacknowledged() // no lock is held
				mu.Lock()
				defer mu.Unlock()
				order = append(order, fmt.Sprint(value, " ", errors.Is(err, outcome.ErrFenced)))
			})
	}
	note(1, "waits")
	note(2, "in line")
	note(3, "other")
	b.disown(1)
	b.disown(2)
	note(1, "after")
	b.eventually("the calls", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(order) == 3
	})
	b.wantErr("in flight", outcome.ErrFenced)
	if n, _ := b.producer.Unacknowledged(); n != 1 {
		t.Errorf("%d unacknowledged, want the other partition's", n)
	}
	end := b.ends(4)[1]
	close(release)
	b.eventually("the request that was under way", func() bool { return b.ends(4)[1] > end })
	b.claim(b.producer, 1)
	note(1, "anew")
	b.flush()
	mu.Lock()
	defer mu.Unlock()
	var of1 []string
	for _, o := range order {
		if o != "in line true" && o != "other false" {
			of1 = append(of1, o)
		}
	}
	if want := []string{"waits true", "after true", "anew false"}; !slices.Equal(of1, want) || len(order) != 5 {
		t.Errorf("got %q", order)
	}
	if got := b.stored(4); got[1] != "first in flight anew" || got[2] != "" || got[3] != "other" {
		t.Errorf("stored %q", got)
	}
}

// With the router as well: nobody leads the partition.
func TestDisownWhileItIsRouted(t *testing.T) {
	b := newBench(t, outcome.Config{})
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: -1})
	b.claim(b.producer, 1)
	b.send(1, "routed", "together")
	b.send(1, "waits")
	b.eventually("a retry", func() bool { return b.producer.Stats().Retries > 1 })
	b.disown(1)
	b.flush()
	b.wantErr("routed", outcome.ErrFenced)
	b.wantErr("waits", outcome.ErrFenced)
	fault.Remove()
	b.claim(b.producer, 1)
	b.send(1, "1-0")
	b.flush()
	b.wantErr("1-0", nil)
}

// Owners come and go under load while answers are lost: every call is made
// once and in order, and what was acknowledged is stored, once and in order.
func TestOwnersComeAndGo(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 300})
	type call struct {
		value string
		err   error
	}
	var mu sync.Mutex
	var calls []call
	n := 0
	send := func() {
		value := fmt.Sprint(n)
		n++
		b.producer.Produce(kafka.Partition{Topic: topic}, []kafka.Record{{Value: []byte(value)}}, func(_ int64, err error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, call{value, err})
		})
	}
	for round := range 30 {
		b.claim(b.producer, 0)
		b.cut.Store(int32(round % 3))
		for range 200 {
			send()
		}
		if round%2 == 0 {
			b.disown(0)
			send()
		}
	}
	b.flush()
	stored := strings.Fields(b.stored(1)[0])
	at := map[string]int{}
	for i, v := range stored {
		if _, twice := at[v]; twice {
			t.Errorf("%s is stored twice", v)
		}
		at[v] = i
	}
	last, acknowledged := -1, 0
	for i, c := range calls {
		if c.value != fmt.Sprint(i) {
			t.Fatalf("call %d is of %s", i, c.value)
		}
		if c.err != nil {
			if !errors.Is(c.err, outcome.ErrFenced) {
				t.Fatal(c.err)
			}
			continue
		}
		place, ok := at[c.value]
		if !ok || place <= last {
			t.Fatalf("%s was acknowledged and is at %d, %v, after %d", c.value, place, ok, last)
		}
		last = place
		acknowledged++
	}
	if len(calls) != n || acknowledged == 0 || acknowledged == n {
		t.Errorf("%d calls for %d records, %d acknowledged", len(calls), n, acknowledged)
	}
}
