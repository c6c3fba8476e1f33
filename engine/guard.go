package engine

import (
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Evidence is what is known of one input of a shard that is to be gone on with.
type Evidence struct {
	kafka.Partition
	Commit     kafka.Commit // the group's; its Offset is -1 where there is none
	First, End int64        // of the log
	// Known are the records that are known to be finished, from `status` or the
	// ledger, ascending: a part of those that are, with the last one.
	Known []intake.Run
	// Accepted is what an operator has accepted of the partition, nil where
	// nothing was.
	Accepted *controlv1.Record
}

// Verdict is what follows from the evidence on an input: to go on with Found,
// or Fault, which only an operator can mend.
type Verdict struct {
	// Found is what the new owner goes by. Reserved ends with the log: nothing
	// was begun that is not there. Due may be later than now.
	Found intake.Reservation
	// By is the acceptance that it rests on, nil where it rests on none.
	By    *controlv1.Record
	Fault *Quarantine
}

// Judge decides, for each input of a shard, whether it can be gone on with and
// from where. ran tells that the shard has run before: there is an event of its
// own in `status`. It is pure.
//
// The rule behind it: where the group's offset is not what the last owner left,
// no record is sent again and none is passed over because of it. Nothing of the
// input is sent at all until somebody says how to go on.
func Judge(group string, ran bool, inputs ...Evidence) []Verdict {
	for i := range inputs {
		// An owner commits all inputs before it reads the first record.
		ran = ran || len(inputs[i].Known) > 0 || inputs[i].Commit.Offset > inputs[i].First
	}
	verdicts := make([]Verdict, len(inputs))
	for i := range inputs {
		verdicts[i] = inputs[i].judge(group, ran)
	}
	return verdicts
}

// Fingerprint names a state of the group's commit: an acceptance is about this
// one alone.
func Fingerprint(c kafka.Commit) string {
	if c.Offset < 0 {
		return "none"
	}
	return fmt.Sprintf("%d-%016x", c.Offset, xxh3.HashString(c.Metadata))
}

// settled is behind the last record that is known to be finished; 0 where none
// is.
func (e *Evidence) settled() int64 {
	if len(e.Known) == 0 {
		return 0
	}
	return e.Known[len(e.Known)-1].To
}

func (e *Evidence) judge(group string, ran bool) Verdict {
	found, q := e.examine(ran)
	q.Evidence, q.Group = *e, group
	by := e.accepted()
	switch {
	case by == nil && q.Why != "":
		q.suggest()
		return Verdict{Fault: q}
	case by == nil:
		return Verdict{Found: e.within(found, found.Low)}
	}
	from := by.GetAcceptance().From
	if from < e.First || from > e.End { // retention went on, or the topic was made anew since
		q = &Quarantine{Evidence: *e, Group: group, Why: Overtaken, Next: from}
		if q.Gap = missing(intake.Reservation{Low: from}, e.First); from > e.End {
			q.Why = PastTheEnd
		}
		q.suggest()
		return Verdict{Fault: q}
	}
	switch q.Why {
	case Vanished, Foreign, Newer, GoneBack: // whatever the last owner could reach is in doubt
		found = intake.Reservation{Reserved: max(from, e.settled()) + intake.MaxSpan, Due: math.MaxInt64, Parked: math.MaxInt32}
	}
	if a := by.GetAcceptance(); a.AnewFrom != nil && *a.AnewFrom <= from { // and nothing was read of this log
		found.Reserved, found.Done = from, nil
	}
	return Verdict{Found: e.within(found, from), By: by}
}

// accepted returns the acceptance that is about this very state and was not
// gone by before.
func (e *Evidence) accepted() *controlv1.Record {
	a := e.Accepted.GetAcceptance()
	if a == nil || a.AppliedMs != 0 || a.State != Fingerprint(e.Commit) && !fault.Mutant(fault.AcceptanceForAll) || a.Topic != e.Topic || a.Partition != e.Index {
		return nil
	}
	return e.Accepted
}

// examine reads the commit, and finds what is wrong with it.
func (e *Evidence) examine(ran bool) (intake.Reservation, *Quarantine) {
	q := &Quarantine{Next: e.Commit.Offset}
	if e.Commit.Offset < 0 {
		if ran && !fault.Mutant(fault.LostCommitIsFirstStart) && (e.First < e.End || e.settled() > e.End) {
			q.Why = Vanished
		}
		return intake.Reservation{Low: e.First}, q
	}
	found, err := intake.ParseReservation(e.Commit.Offset, e.Commit.Metadata)
	if q.unreadable(err) {
		return found, q
	}
	q.Begun = found.Reserved // a paused shard reserves less than it has finished
	if n := len(found.Done); n > 0 {
		q.Begun = max(q.Begun, found.Done[n-1].To)
	}
	switch q.Gap = missing(found, e.First); {
	case max(found.Low, e.settled()) > e.End:
		q.Why = PastTheEnd
	case e.settled() > q.Begun && !fault.Mutant(fault.RewindBelieved):
		q.Why = GoneBack
	case len(q.Gap) > 0:
		q.Why = Overtaken
	}
	return found, q
}

// missing returns the offsets below first that are not finished.
func missing(r intake.Reservation, first int64) []intake.Run {
	var gap []intake.Run
	at := r.Low
	for _, done := range append(r.Done[:len(r.Done):len(r.Done)], intake.Run{From: first, To: first}) {
		if to := min(done.From, first); at < to {
			gap = append(gap, intake.Run{From: at, To: to})
		}
		at = max(at, done.To)
	}
	return gap
}

// within is the reservation seen from an offset on, in the log as it is.
func (e *Evidence) within(r intake.Reservation, from int64) intake.Reservation {
	done := r.Done
	r.Low, r.Done = max(from, e.First), nil
	for _, run := range done {
		run.From, run.To = max(run.From, r.Low), min(run.To, e.End)
		switch {
		case run.From >= run.To:
		case run.From == r.Low:
			r.Low = run.To
		default:
			r.Done = append(r.Done, run)
		}
	}
	r.Reserved = max(r.Low, min(r.Reserved, e.End))
	return r
}
