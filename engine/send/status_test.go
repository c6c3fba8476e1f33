package send

import (
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// What is written by hand is what the table says, whatever is left out.
func TestStatusIsAsTheTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	some := func(texts ...string) string { return texts[r.IntN(len(texts))] }
	text := func() string { return some("", "a", "é\n\"\\\x00\x7f漢", "order-81723-shipped", "\xff") }
	at := func() *timestamppb.Timestamp {
		if r.IntN(3) == 0 {
			return nil
		}
		return &timestamppb.Timestamp{Seconds: r.Int64N(253402300799+62135596800) - 62135596800, Nanos: int32(r.IntN(10) * []int{0, 1, 100_000_000, 99_999_999}[r.IntN(4)])}
	}
	for range 20_000 {
		s := &carillonv1.Status{
			EventId: text(), Kind: carillonv1.Kind(r.IntN(5)), Status: carillonv1.State(r.IntN(45)), Id: text(), App: text(), Recipient: text(),
			Campaign: text(), Channel: text(), Account: text(), Attempt: uint32(r.IntN(3)), ProviderMessageId: text(),
			AcceptedAt: at(), At: at(), NextAt: at(), Class: carillonv1.Class(r.IntN(4)),
		}
		if r.IntN(2) == 0 {
			s.Source = &carillonv1.Source{Topic: text(), Partition: int32(r.IntN(3)), Offset: r.Int64()}
		}
		if r.IntN(2) == 0 {
			s.Reason = &carillonv1.Reason{Class: text(), Code: text()}
		}
		for range r.IntN(3) {
			s.Path = append(s.Path, &carillonv1.Step{Channel: text(), Account: text(), Attempts: uint32(r.IntN(3)), Reason: s.Reason, Unknown: r.IntN(2) == 0})
		}
		got, want := AppendStatusJSON(nil, s), appendObject(nil, s, statusFields)
		if string(got) != string(want) {
			t.Fatalf("\n%s\nwant\n%s", got, want)
		}
	}
}

// Times are written as the standard library writes them.
func TestAppendTime(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		at := time.Unix(r.Int64N(253402300799+62135596800)-62135596800, r.Int64N(10)*[]int64{0, 1, 1_000_000, 99_999_999}[r.IntN(4)]).UTC()
		got, want := string(appendTime(nil, timestamppb.New(at))), at.Format(`"`+time.RFC3339Nano+`"`)
		if got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
