package kafka_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/kafka"
)

// TestTransactions interleaves two transactional producers and a plain one in
// one partition: the aborted ones' records and all markers stay away.
func TestTransactions(t *testing.T) { onEach(t, testTransactions) }

func testTransactions(t *testing.T, p peer) {
	ctx := within(t)
	plain := foreign(t, p.addrs)
	one := foreign(t, p.addrs, kgo.TransactionalID("one"))
	two := foreign(t, p.addrs, kgo.TransactionalID("two"))
	put := func(cl *kgo.Client, value string) {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: p.topic, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	end := func(cl *kgo.Client, how kgo.TransactionEndTry) {
		if err := cl.EndTransaction(ctx, how); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(cl *kgo.Client) {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	begin(one)
	begin(two)
	put(one, "one aborted")
	put(two, "two committed")
	put(plain, "plain in between")
	put(one, "one aborted again")
	end(one, kgo.TryAbort)
	begin(one)
	put(one, "one committed")
	end(two, kgo.TryCommit)
	end(one, kgo.TryCommit)
	begin(two)
	put(two, "two aborted")
	end(two, kgo.TryAbort)
	put(plain, "last")

	want := "two committed, plain in between, one committed, last"
	if got := p.await(t, 0, want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// From within an aborted transaction on.
	if got, want := p.await(t, 3, "one committed, last"), "one committed, last"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	begin(one)
	put(one, "still open")
	put(plain, "behind it")
	if got := values(readAll(t, p.client, p.partition(), 3)); got != "one committed, last" {
		t.Errorf("an open transaction shows: %s", got)
	}
	latest, err := p.client.Offsets(ctx, []kafka.Partition{p.partition()}, kafka.Latest)
	if err != nil || latest[p.partition()] >= 14 {
		t.Errorf("latest is %v, %v", latest, err)
	}
}

// await reads until the values are those wanted, for a transaction's end is
// answered before its markers are written.
func (p peer) await(t *testing.T, offset int64, want string) (got string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && got != want; {
		got = values(readAll(t, p.client, p.partition(), offset))
	}
	return got
}

func values(records []kafka.Record) string {
	s := make([]string, len(records))
	for i, r := range records {
		s[i] = string(r.Value)
	}
	return strings.Join(s, ", ")
}

// TestNextSkipsWhatIsNotOurs: a partition that ends in markers must not be
// asked for again at the same offset for ever.
func TestNextSkipsWhatIsNotOurs(t *testing.T) { onEach(t, testNextSkipsWhatIsNotOurs) }

func testNextSkipsWhatIsNotOurs(t *testing.T, p peer) {
	ctx := within(t)
	cl := foreign(t, p.addrs, kgo.TransactionalID("one"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: p.topic, Value: []byte("gone")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	for {
		fetched, err := p.client.Fetch(ctx, []kafka.FetchPartition{{Partition: p.partition(), MaxBytes: 1 << 20}}, 1, 1<<20, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		f := &fetched[0]
		if err := f.Records(func(r *kafka.Record) error { return fmt.Errorf("got %s", r.Value) }); err != nil {
			t.Error(err)
		}
		if f.LastStable == 2 { // the marker is written
			if f.Next() != 2 || f.HighWatermark != 2 {
				t.Errorf("next %d of %d, want 2", f.Next(), f.HighWatermark)
			}
			return
		}
	}
}
