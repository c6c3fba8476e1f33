// Package tally accounts for every send of a benchmark: what became of it by
// the topic `status`, read to its end with a client that is not the engine's,
// and how often it went out by the ledgers that the provider kept.
package tally

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"

	"github.com/carillonhq/carillon/engine/send"
)

// Sends are those that were published; workload.Records are some.
type Sends interface {
	Len() int
	ID(i int) string
	Number(id string) (i int, ok bool)
}

// Tally counts outcomes and attempts of each send. It is used by one goroutine.
type Tally struct {
	sends    Sends
	ended    []uint8 // outcomes of each send, up to 255
	sent     []bool  // one of them says so
	reached  []uint8 // attempts that got to the recipient, up to 255
	attempts int
	outcomes map[string]int
	strange  []string // ids that nobody published
	stranges int
}

// New returns a tally of so many sends, of which nothing is known yet.
func New(sends Sends) *Tally {
	n := sends.Len()
	return &Tally{
		sends: sends, ended: make([]uint8, n), sent: make([]bool, n), reached: make([]uint8, n), outcomes: map[string]int{},
	}
}

// First says that only the first n sends were published.
func (t *Tally) First(n int) { t.ended, t.sent, t.reached = t.ended[:n], t.sent[:n], t.reached[:n] }

// shown is how many ids a problem names.
const shown = 8

// Outcome adds a status event; all but outcomes are passed over.
func (t *Tally) Outcome(s *carillonv1.Status) {
	if s.Kind != carillonv1.Kind_KIND_OUTCOME {
		return
	}
	i, ok := t.number(s.Id)
	if !ok {
		return
	}
	count(&t.ended[i])
	t.outcomes[send.StateName(s.Status)]++
	if s.Status == carillonv1.State_STATE_SENT {
		t.sent[i] = true
	}
}

// Attempt adds a line of the provider's ledger. reached says that the recipient
// got the message by it.
func (t *Tally) Attempt(id string, reached bool) {
	i, ok := t.number(id)
	if !ok {
		return
	}
	t.attempts++
	if reached {
		count(&t.reached[i])
	}
}

func (t *Tally) number(id string) (int, bool) {
	i, ok := t.sends.Number(id)
	if ok = ok && i < len(t.ended); !ok {
		if t.stranges++; len(t.strange) < shown {
			t.strange = append(t.strange, id)
		}
	}
	return i, ok
}

func count(n *uint8) {
	if *n < 255 {
		*n++
	}
}

// Ended returns how many sends have an outcome.
func (t *Tally) Ended() int {
	n := 0
	for _, k := range t.ended {
		if k > 0 {
			n++
		}
	}
	return n
}

// Verdict is what a tally comes to.
type Verdict struct {
	Sends int
	// Attempts is how many the provider saw, and Outcomes how many sends ended
	// how.
	Attempts int
	Outcomes map[string]int
	// Lost counts the sends without an outcome, and those that are sent by their
	// outcome alone. Doubled counts those with more than one outcome, or that
	// reached their recipient more than once.
	Lost, Doubled int
	// Problems has a sentence for each thing that is wrong, with some of the
	// ids; none is a pass. That a send ended otherwise than sent is one.
	Problems []string
	// Wrong has all ids of the lost and doubled, by what is wrong with them.
	Wrong map[string][]string
}

// Verdict looks at all that was added.
func (t *Tally) Verdict() *Verdict {
	v := &Verdict{Sends: len(t.ended), Attempts: t.attempts, Outcomes: maps.Clone(t.outcomes), Wrong: map[string][]string{}}
	lists := []struct {
		what string
		is   func(i int) bool
		into *int
	}{
		{"have no outcome", func(i int) bool { return t.ended[i] == 0 }, &v.Lost},
		{"are sent by their outcome, and the provider saw none", func(i int) bool { return t.sent[i] && t.reached[i] == 0 }, &v.Lost},
		{"have more than one outcome", func(i int) bool { return t.ended[i] > 1 }, nil},
		{"reached their recipient more than once", func(i int) bool { return t.reached[i] > 1 }, nil},
		{"reached their recipient, and their outcome is another than sent", func(i int) bool { return t.reached[i] > 0 && t.ended[i] > 0 && !t.sent[i] }, nil},
	}
	for _, l := range lists {
		n := 0
		var ids []string
		for i := range t.ended {
			if l.is(i) {
				n++
				ids = append(ids, t.sends.ID(i))
			}
		}
		if n > 0 {
			v.Wrong[l.what] = ids
		}
		v.problem(n, l.what, ids[:min(n, shown)])
		if l.into != nil {
			*l.into += n
		}
	}
	for i := range t.ended {
		if t.ended[i] > 1 || t.reached[i] > 1 {
			v.Doubled++
		}
	}
	v.problem(t.stranges, "were never published", t.strange)
	for _, state := range slices.Sorted(maps.Keys(t.outcomes)) {
		if state != "sent" {
			v.problem(t.outcomes[state], "ended as "+state, nil)
		}
	}
	return v
}

func (v *Verdict) problem(n int, what string, ids []string) {
	if n == 0 {
		return
	}
	text := fmt.Sprintf("%d of %d sends %s", n, v.Sends, what)
	for i, id := range ids {
		text += map[bool]string{true: ": ", false: ", "}[i == 0] + id
	}
	if n > len(ids) && len(ids) > 0 {
		text += ", …"
	}
	v.Problems = append(v.Problems, text)
}

// WriteWrong writes a line for each id that is lost or doubled: what is wrong
// with it, a tab, and the id.
func (v *Verdict) WriteWrong(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, what := range slices.Sorted(maps.Keys(v.Wrong)) {
		for _, id := range v.Wrong[what] {
			fmt.Fprintf(out, "%s\t%s\n", what, id)
		}
	}
	return out.Flush()
}
