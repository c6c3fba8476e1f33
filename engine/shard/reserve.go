package shard

import (
	"context"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
)

// A shard begins nothing that the group's coordinator has not been told of. What
// it may begin is reserved in the metadata of its offsets' commit, some way ahead
// of need; whoever owns the shard next knows by it what may have been tried. The
// gate is at admission: what is not admitted, or loaded, can't be tried.
//
// Ask says what to commit, Grant that the broker has accepted it. What is asked
// for may be less than what is granted; then that counts from the question on,
// for nobody knows when, or whether, the broker takes it.

// reserving is a shard's state of it.
type reserving struct {
	loads      ahead // of parked sends
	loadedEver int64
	loaded     int   // of those, how many are in memory
	due        int64 // parked sends that fall due later are not loaded, Unix milliseconds
	dueSoon    bool  // some fall due before long
	paused     bool
	shut       bool // what is reserved is not granted
	askedStill bool // the last question was in a pause
	needed     bool // a commit was asked for
}

// Position is what a shard wants committed.
type Position struct {
	Inputs [2]intake.Reservation
	// Quiet: it is paused, nothing is at a plugin and nothing on its way to Kafka.
	Quiet bool
}

// Ask returns what to commit for the shard, from any goroutine. It waits for the
// shard's loop, which must be running or about to; it fails when ctx ends or the
// loop has. Ask, Commit, Grant are for one goroutine, in this order.
func (s *Shard) Ask(ctx context.Context) (Position, error) {
	answer := make(chan Position, 1)
	s.mail.ask(answer)
	select {
	case p := <-answer:
		return p, nil
	case <-s.ended:
		return Position{}, fmt.Errorf("shard %d has ended", s.cfg.ID)
	case <-ctx.Done():
		return Position{}, fmt.Errorf("ask shard %d for its position: %w", s.cfg.ID, context.Cause(ctx))
	}
}

// Grant says that the broker has accepted what the last Ask returned. It is safe
// from any goroutine.
func (s *Shard) Grant(inputs [2]intake.Reservation) { s.mail.grant(inputs) }

// Pause makes the shard take back what waits in lanes and begin nothing. It goes
// on with results and acknowledgements; Ask says when it is Quiet. It is safe
// from any goroutine, as is Resume.
func (s *Shard) Pause() { s.mail.pause(true) }

// Resume ends a pause. What was given back by an Ask meanwhile waits for the
// next Grant.
func (s *Shard) Resume() { s.mail.pause(false) }

const (
	leastAhead = 16
	// aheadFor is how long what is reserved should last at the present pace.
	aheadFor = 2 * time.Second
	// measured is the least time to tell a pace by.
	measured = 500 * time.Millisecond
	// dueAhead is how far ahead of time parked sends are reserved.
	dueAhead = 5 * time.Second
)

// ahead is something that is counted up as it is used, and reserved before: the
// offsets of an input, or the parked sends that were loaded.
type ahead struct {
	most  int64 // to reserve
	size  int64 // to reserve at the present pace
	gate  int64 // nothing from here on may be used
	asked int64 // the gate, once the last question is granted
	used  int64 // at a time in the near past
	since time.Time
}

// ask returns the gate to ask for. What a pace asks for halves at most from one
// measure to the next, and doubles each time that it did not do.
func (a *ahead) ask(used int64, now time.Time) int64 {
	if took := now.Sub(a.since); took >= measured {
		pace := float64(used-a.used) * aheadFor.Seconds() / took.Seconds()
		a.size = max(a.size/2, int64(min(pace, float64(a.most))))
		a.used, a.since = used, now
	} else if used >= a.gate {
		a.size *= 2
	}
	a.size = min(max(a.size, leastAhead), a.most)
	return a.limit(used + a.size)
}

// limit asks for a gate.
func (a *ahead) limit(gate int64) int64 {
	a.asked = gate
	a.gate = min(a.gate, gate)
	return gate
}

func (a *ahead) short(used int64) bool { return a.gate-used <= a.size/2 }

// answer tells the committer what to commit. Until the broker has it the gates
// are the lower ones of what was granted and of what is asked for.
func (s *Shard) answer(now time.Time) Position {
	s.needed = false
	s.askedStill = s.paused
	if s.paused {
		s.shut = true
		return s.answerStill()
	}
	var p Position
	for i := range s.inputs {
		in := &s.inputs[i]
		p.Inputs[i] = s.reservation(i, in.ahead.ask(in.begun(), now))
	}
	urgent := &p.Inputs[intake.Urgent]
	urgent.Parked = s.loaded + int(s.loads.ask(s.loadedEver, now)-s.loadedEver) + s.inherited()
	urgent.Due = now.Add(dueAhead).UnixMilli()
	s.due = min(s.due, urgent.Due)
	return p
}

// answerStill reserves what is under way and nothing else, so that a hand-over
// in order leaves nothing in doubt.
func (s *Shard) answerStill() Position {
	p := Position{Quiet: s.idle()}
	for i := range s.inputs {
		in := &s.inputs[i]
		p.Inputs[i] = s.reservation(i, in.ahead.limit(in.underWay()))
	}
	if inherited := s.inherited(); !p.Quiet || inherited > 0 || s.undecided() {
		// The parked sends that are loaded stand first in their queues, those under
		// way among them.
		p.Inputs[intake.Urgent].Parked = s.loaded + inherited
		p.Inputs[intake.Urgent].Due = max(s.due, s.doubtDue())
	}
	s.loads.limit(s.loadedEver)
	return p
}

func (s *Shard) reservation(i int, reserved int64) intake.Reservation {
	t := s.inputs[i].tracker
	if found := s.cfg.Found[i].Reserved; t.next < found && !fault.Mutant(fault.DoubtNotPassedOn) {
		reserved = max(reserved, found) // what is in doubt stays so until it is read
	}
	return intake.Reservation{
		Low: t.Low(), Reserved: max(reserved, t.Low()), Done: append(t.Runs(), s.doneAhead(i)...), Owner: s.cfg.Owner,
	}
}

// doneAhead returns what the commit that was found says is finished and has not
// been read again: nothing else may know of it.
func (s *Shard) doneAhead(i int) (ahead []intake.Run) {
	next := s.inputs[i].tracker.next
	if fault.Mutant(fault.MapNotPassedOn) {
		return nil
	}
	for _, run := range s.cfg.Found[i].Done {
		if run.From = max(run.From, next); run.From < run.To {
			ahead = append(ahead, run)
		}
	}
	return ahead
}

// granted opens the gates as far as the broker has accepted.
func (s *Shard) granted(inputs *[2]intake.Reservation) {
	fault.Point(fault.AfterReservation)
	for i := range s.inputs {
		s.inputs[i].ahead.gate = inputs[i].Reserved
	}
	s.loads.gate = s.loads.asked
	s.due = inputs[intake.Urgent].Due
	s.shut = s.askedStill
}

// need asks for a commit before what is reserved is used up.
func (s *Shard) need(now time.Time) {
	if s.needed || s.paused {
		return
	}
	short := s.shut || s.loads.short(s.loadedEver) || s.dueSoon && s.due < now.Add(dueAhead/2).UnixMilli()
	for i := range s.inputs {
		in := &s.inputs[i]
		short = short || in.ahead.short(in.begun())
	}
	if short {
		s.needed = true
		s.env.Need()
	}
}

// still says whether nothing may begin.
func (s *Shard) still() bool {
	return s.paused && !fault.Mutant(fault.PauseIgnored) || s.stopping || s.shut
}

// begun is the offset before which all was begun, or is not in the log.
func (in *input) begun() int64 {
	if len(in.held) > 0 {
		return max(in.tracker.next, in.held[0].Offset)
	}
	return in.tracker.next
}

// underWay is behind the highest record that may have been tried and has no
// result that Kafka holds.
func (in *input) underWay() int64 {
	to := in.tracker.Low()
	in.tracker.Items(in.tracker.next, func(it *item) {
		if it.away || it.doubt != noDoubt || it.line == nil && !it.behindOthers() {
			to = it.offset + 1
		}
	})
	return to
}
