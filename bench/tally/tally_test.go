package tally

import (
	"fmt"
	"strings"
	"testing"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// three are the sends 0, 1 and 2.
type three struct{}

func (three) Len() int        { return 3 }
func (three) ID(i int) string { return fmt.Sprint(i) }
func (three) Number(id string) (int, bool) {
	i := strings.Index("012", id)
	return i, len(id) == 1 && i >= 0
}

func TestVerdict(t *testing.T) {
	const (
		sent    = carillonv1.State_STATE_SENT
		failed  = carillonv1.State_STATE_FAILED
		outcome = carillonv1.Kind_KIND_OUTCOME
	)
	event := func(id string, state carillonv1.State) *carillonv1.Status {
		return &carillonv1.Status{Id: id, Kind: outcome, Status: state}
	}
	all := func(t *Tally) {
		for i := range 3 {
			t.Outcome(event(fmt.Sprint(i), sent))
			t.Attempt(fmt.Sprint(i), true)
		}
	}
	for _, c := range []struct {
		name          string
		add           func(*Tally)
		lost, doubled int
		want          string // the problems; "" is a pass
	}{
		{"each sent once", all, 0, 0, ""},
		{"attempts that did not get there are counted, and no problem", func(t *Tally) {
			all(t)
			t.Attempt("1", false)
		}, 0, 0, ""},
		{"progress is no outcome", func(t *Tally) {
			all(t)
			t.Outcome(&carillonv1.Status{Id: "1", Kind: carillonv1.Kind_KIND_PROGRESS})
		}, 0, 0, ""},
		{"nothing at all is three lost", func(*Tally) {}, 3, 0, "3 of 3 sends have no outcome: 0, 1, 2"},
		{"an outcome that nobody saw go out", func(t *Tally) {
			all(t)
			t.reached[2] = 0
		}, 1, 0, "1 of 3 sends are sent by their outcome, and the provider saw none: 2"},
		{"sent twice", func(t *Tally) {
			all(t)
			t.Attempt("1", true)
		}, 0, 1, "1 of 3 sends reached their recipient more than once: 1"},
		{"two outcomes", func(t *Tally) {
			all(t)
			t.Outcome(event("0", sent))
		}, 0, 1, "1 of 3 sends have more than one outcome: 0"},
		{"twice of both is one that is doubled", func(t *Tally) {
			all(t)
			t.Outcome(event("0", sent))
			t.Attempt("0", true)
		}, 0, 1, "1 of 3 sends have more than one outcome: 0; 1 of 3 sends reached their recipient more than once: 0"},
		{"a failure that the recipient got all the same", func(t *Tally) {
			t.Outcome(event("0", failed))
			all(t)
			t.sent[0], t.ended[0] = false, 1
		}, 0, 0, "1 of 3 sends reached their recipient, and their outcome is another than sent: 0; 1 of 3 sends ended as failed"},
		{"ids of another run", func(t *Tally) {
			all(t)
			t.Outcome(event("9", sent))
			t.Attempt("x", true)
		}, 0, 0, "2 of 3 sends were never published: 9, x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tally := New(three{})
			c.add(tally)
			v := tally.Verdict()
			if got := strings.Join(v.Problems, "; "); got != c.want || v.Lost != c.lost || v.Doubled != c.doubled {
				t.Errorf("lost %d, doubled %d, %q; want %d, %d, %q", v.Lost, v.Doubled, got, c.lost, c.doubled, c.want)
			}
		})
	}
}

// Every id is written down, however many there are.
func TestWriteWrong(t *testing.T) {
	tally := New(three{})
	tally.Outcome(&carillonv1.Status{Id: "1", Kind: carillonv1.Kind_KIND_OUTCOME, Status: carillonv1.State_STATE_SENT})
	tally.Attempt("1", true)
	tally.Attempt("1", true)
	var text strings.Builder
	if err := tally.Verdict().WriteWrong(&text); err != nil {
		t.Fatal(err)
	}
	if got, want := text.String(), "have no outcome\t0\nhave no outcome\t2\nreached their recipient more than once\t1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A thousand ids are not all named.
func TestProblemsAreShort(t *testing.T) {
	v := &Verdict{Sends: 1000}
	v.problem(9, "are so", []string{"a", "b"})
	if got := v.Problems[0]; got != "9 of 1000 sends are so: a, b, …" {
		t.Error(got)
	}
}
