package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/carillonhq/carillon/engine/intake"
)

// Why an input is quarantined, in a word or two.
type Why string

// The cases of Judge.
const (
	Vanished   Why = "no commit"         // and the shard has run before
	Foreign    Why = "another's commit"  // not written by the engine, or damaged
	Newer      Why = "a newer version's" // the commit can't be understood here
	GoneBack   Why = "gone back"         // an older commit stands in the place of the last one
	Overtaken  Why = "overtaken"         // by retention
	PastTheEnd Why = "past the end"      // of the log: the topic was made anew, or has lost records
)

// Quarantine is the error of an input that is not gone on with until an
// operator says how. Everything else goes on.
type Quarantine struct {
	Evidence
	Group string
	Why   Why
	Next  int64        // the offset that was to be read, -1 where none is known
	Begun int64        // no record from here on was begun, as the commit has it
	Gap   []intake.Run // deleted unread
	// From is the highest offset that is known to be safe to go on from.
	From int64
	// Anew: the log is another one than before from AnewFrom on. What is known of
	// those offsets is about other records.
	Anew     bool
	AnewFrom int64

	detail string
}

// unreadable takes the error of reading a commit's metadata.
func (q *Quarantine) unreadable(err error) bool {
	if err == nil {
		return false
	}
	var newer *intake.NewerFormat
	q.Why, q.detail = Foreign, err.Error()
	if errors.As(err, &newer) {
		q.Why = Newer
	}
	return true
}

// suggest finds from where it can be gone on with best.
func (q *Quarantine) suggest() {
	q.Anew = q.settled() > q.End || q.Why == PastTheEnd
	switch {
	case q.Anew && q.Why == PastTheEnd && q.Next <= q.End: // only the end is another one
		q.From, q.AnewFrom = q.Next, q.End
	case q.Anew:
		q.From, q.AnewFrom = q.First, q.First
	case q.Why == Overtaken:
		q.From = q.First
	case len(q.Known) > 0:
		q.From = q.firstUnknown()
	default:
		q.From = q.Next
	}
	q.From = min(max(q.From, q.First), q.End)
}

// firstUnknown is the first record that may have been open when the last one
// that is known was finished: none is that far below, or older than what is
// known.
func (q *Quarantine) firstUnknown() int64 {
	at := max(q.Known[0].From, q.settled()-intake.MaxSpan)
	for _, run := range q.Known {
		if run.From > at {
			break
		}
		at = max(at, run.To)
	}
	return at
}

// Error says what happened, what that means, and what to do, in one line.
func (q *Quarantine) Error() string {
	return fmt.Sprintf("%s: %s; %s; %s: %s", q.Partition, q.happened(), q.means(), q.advice(), q.Command())
}

// Command goes on from the highest offset that is known to be safe.
func (q *Quarantine) Command() string {
	return fmt.Sprintf("carillon shard accept %d --topic %s --from %d --reason 'why'", q.Index, q.Topic, q.From)
}

func (q *Quarantine) happened() string {
	commit := fmt.Sprintf("offset %d, which group %s has committed, ", q.Next, q.Group)
	switch q.Why {
	case Vanished:
		return fmt.Sprintf("group %s has no committed offset, and the shard has run before: it was deleted, or expired while no node ran", q.Group)
	case Foreign:
		if q.Commit.Metadata != "" {
			return commit + "can't be understood: what goes with it is " + q.detail
		}
		return commit + "was set by another tool: it does not say what was under way"
	case Newer:
		return commit + "can't be understood: what goes with it " + q.detail
	case GoneBack:
		return fmt.Sprintf("%shas gone back: it says that no record from %d on was begun, and %d is known to be finished",
			commit, q.Begun, q.settled()-1)
	case Overtaken:
		return fmt.Sprintf("offset %d is the next to be read and %d is the first that is left: retention was faster than the engine",
			q.Next, q.First)
	default:
		return fmt.Sprintf("records up to %d are known and the log ends at %d: the topic was made anew, or has lost its last records",
			max(q.Next, q.settled())-1, q.End)
	}
}

// means says what would become of sends.
func (q *Quarantine) means() string {
	known := fmt.Sprintf("%d is the last that is known to be finished", q.settled()-1)
	switch from := max(q.Next, q.First); {
	case q.Why == Overtaken:
		return deleted(q.Gap)
	case q.Anew && q.From > q.First:
		return fmt.Sprintf("what is from %d on now was never read", q.End)
	case q.Anew:
		return fmt.Sprintf("what is there now, %d to %d, was never read", q.First, q.End-1)
	case len(q.Known) == 0:
		return "nothing is known of what was finished: what of it is read again is sent again, and what is left out is never sent"
	case from < q.settled():
		return fmt.Sprintf("%s: from %d on, those of before the dedupe window would be sent again", known, from)
	case from > q.settled():
		return fmt.Sprintf("%s: from %d on, the %d records from %d to %d would never be read", known, from, from-q.settled(), q.settled(), from-1)
	default:
		return known
	}
}

// deleted names the exact gap.
func deleted(gap []intake.Run) string {
	const most = 8
	var n int64
	var runs []string
	for i, g := range gap {
		if n += g.To - g.From; i < most {
			runs = append(runs, fmt.Sprintf("between %d and %d", g.From, g.To))
		}
	}
	if len(gap) > most {
		runs = append(runs, fmt.Sprintf("in %d more gaps up to %d", len(gap)-most, gap[len(gap)-1].To))
	}
	return fmt.Sprintf("%s, %d records are unread and deleted: those sends have no outcome", strings.Join(runs, ", "), n)
}

func (q *Quarantine) advice() string {
	switch {
	case q.Why == Newer:
		return "run that version; to go on without what it says"
	case q.Why == Overtaken:
		return "raise the topic's retention first; to go on with what is left"
	case q.Anew:
		return "to go on with it"
	case len(q.Known) > 0:
		return "to go on with the first that is not known to be finished"
	}
	return "to go on there"
}
