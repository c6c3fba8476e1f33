package engine

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

var judged = kafka.Partition{Topic: "carillon.sends", Index: 3}

// commit is the group's commit as the engine makes it.
func commit(r intake.Reservation) kafka.Commit {
	return kafka.Commit{Partition: judged, Offset: r.Low, Metadata: r.Text()}
}

// set is a commit as another tool makes it.
func set(offset int64, metadata string) kafka.Commit {
	return kafka.Commit{Partition: judged, Offset: offset, Metadata: metadata}
}

// below is what is known where all below an offset is.
func below(offset int64) []intake.Run {
	if offset == 0 {
		return nil
	}
	return []intake.Run{{From: 0, To: offset}}
}

var none = set(-1, "")

// accepted is an operator's word on that state.
func accepted(c kafka.Commit, from int64) *controlv1.Record {
	return &controlv1.Record{By: "ana", Object: &controlv1.Record_Acceptance{Acceptance: &controlv1.Acceptance{
		Topic: judged.Topic, Partition: judged.Index, State: Fingerprint(c), From: from,
	}}}
}

// anew is accepted, in a log that is another one from an offset on.
func anew(c kafka.Commit, from, at int64) *controlv1.Record {
	r := accepted(c, from)
	r.GetAcceptance().AnewFrom = &at
	return r
}

func TestJudge(t *testing.T) {
	ours := intake.Reservation{Low: 100, Reserved: 200, Done: []intake.Run{{From: 103, To: 105}}, Due: 5, Parked: 7, Owner: "n1"}
	unknown := func(low, reserved int64) intake.Reservation {
		return intake.Reservation{Low: low, Reserved: reserved, Due: math.MaxInt64, Parked: math.MaxInt32}
	}
	for _, c := range []struct {
		name     string
		evidence Evidence
		ran      bool
		found    intake.Reservation
		why      Why
		from     int64    // suggested
		says     []string // in the error
	}{
		// Nothing to go by, and nothing that speaks of a shard that ran.
		{"first start", Evidence{Commit: none, First: 40, End: 90}, false, intake.Reservation{Low: 40, Reserved: 40}, "", 0, nil},
		{"first start on an empty topic", Evidence{Commit: none}, false, intake.Reservation{}, "", 0, nil},
		// What could have been begun and is not there was not begun.
		{"the last owner's commit", Evidence{Commit: commit(ours), End: 150, Known: below(105)}, true, intake.Reservation{
			Low: 100, Reserved: 150, Done: []intake.Run{{From: 103, To: 105}}, Due: 5, Parked: 7, Owner: "n1",
		}, "", 0, nil},
		{"nothing came since", Evidence{Commit: commit(intake.Reservation{Low: 100, Reserved: 100}), End: 100, Known: below(100)}, true,
			intake.Reservation{Low: 100, Reserved: 100}, "", 0, nil},
		// A shard that was paused reserves less than it has finished.
		{"handed over in order", Evidence{
			Commit: commit(intake.Reservation{Low: 100, Reserved: 101, Done: []intake.Run{{From: 101, To: 120}}}), End: 150, Known: below(120),
		}, true, intake.Reservation{Low: 100, Reserved: 101, Done: []intake.Run{{From: 101, To: 120}}}, "", 0, nil},

		{"the offset has vanished", Evidence{Commit: none, End: 900, Known: below(300)}, true, intake.Reservation{}, Vanished, 300, []string{
			"carillon.sends/3: group carillon has no committed offset, and the shard has run before: it was deleted, or expired",
			"299 is the last that is known to be finished: from 0 on, those of before the dedupe window would be sent again",
			"carillon shard accept 3 --topic carillon.sends --from 300 --reason 'why'",
		}},
		// One was still open when the last was finished.
		{"it has vanished with one open", Evidence{Commit: none, End: 900, Known: []intake.Run{{From: 250, To: 261}, {From: 262, To: 300}}}, true,
			intake.Reservation{}, Vanished, 261, []string{"to go on with the first that is not known to be finished", "--from 261"}},
		// None of so long ago can have been open with it.
		{"it has vanished, and much is not known", Evidence{Commit: none, End: 99_000, Known: []intake.Run{{From: 5, To: 6}, {From: 50_000, To: 50_001}}}, true,
			intake.Reservation{}, Vanished, 50_001 - intake.MaxSpan, nil},
		// No outcome is left in the window, and yet there was one.
		{"it has vanished long ago", Evidence{Commit: none, First: 70, End: 900}, true, intake.Reservation{}, Vanished, 70, []string{
			"nothing is known of what was finished", "--from 70",
		}},
		// Nothing can be sent again, or be left out.
		{"it has vanished, and the log is empty", Evidence{Commit: none, First: 900, End: 900, Known: below(300)}, true,
			intake.Reservation{Low: 900, Reserved: 900}, "", 0, nil},
		// Kafka drops a group's offset with the topic.
		{"the topic was made anew", Evidence{Commit: none, End: 20, Known: below(300)}, true, intake.Reservation{}, Vanished, 0, []string{
			"what is there now, 0 to 19, was never read", "--from 0",
		}},

		{"reset to the start", Evidence{Commit: set(0, ""), End: 900, Known: below(300)}, true, intake.Reservation{}, Foreign, 300, []string{
			"offset 0, which group carillon has committed, was set by another tool",
			"from 0 on, those of before the dedupe window would be sent again", "--from 300",
		}},
		{"reset to the end", Evidence{Commit: set(900, ""), End: 900, Known: below(300)}, true, intake.Reservation{}, Foreign, 300, []string{
			"from 900 on, the 600 records from 300 to 899 would never be read", "--from 300",
		}},
		{"reset, and nothing else is known", Evidence{Commit: set(50, ""), End: 900}, true, intake.Reservation{}, Foreign, 50, []string{
			"nothing is known of what was finished", "--from 50",
		}},
		// There is nothing there to go on from.
		{"reset to what is gone", Evidence{Commit: set(50, ""), First: 80, End: 900}, true, intake.Reservation{}, Foreign, 80, nil},
		{"reset to what is not there yet", Evidence{Commit: set(5000, ""), End: 900}, true, intake.Reservation{}, Foreign, 900, nil},
		{"somebody's metadata", Evidence{Commit: set(50, "hello"), End: 900, Known: below(60)}, true, intake.Reservation{}, Foreign, 60, []string{
			"can't be understood: what goes with it is not written by carillon",
		}},
		{"damaged metadata", Evidence{Commit: set(50, "carillon/1 reserved=x"), End: 900, Known: below(60)}, true, intake.Reservation{}, Foreign, 60, []string{
			`"x" is no number`,
		}},
		// A rolling upgrade that was rolled back too far.
		{"a newer version's", Evidence{Commit: set(50, "carillon/9 reserved=70"), End: 900, Known: below(60)}, true, intake.Reservation{}, Newer, 60, []string{
			"is in format 9", "run that version; to go on without what it says: carillon shard accept 3",
		}},

		// An older commit was put back: a mirror, a backup, a broker that lost its last writes.
		{"gone back", Evidence{Commit: commit(ours), End: 900, Known: below(300)}, true, intake.Reservation{}, GoneBack, 300, []string{
			"has gone back: it says that no record from 200 on was begun, and 299 is known to be finished",
			"from 100 on, those of before the dedupe window would be sent again", "--from 300",
		}},
		{"just not gone back", Evidence{Commit: commit(ours), End: 900, Known: below(200)}, true, ours, "", 0, nil},

		{"retention overtook it", Evidence{Commit: commit(ours), First: 110, End: 900}, true, intake.Reservation{}, Overtaken, 110, []string{
			"offset 100 is the next to be read and 110 is the first that is left",
			"between 100 and 103, between 105 and 110, 8 records are unread and deleted: those sends have no outcome",
			"raise the topic's retention first; to go on with what is left: carillon shard accept 3 --topic carillon.sends --from 110",
		}},
		// All that was deleted was finished: a slow call held the offset back.
		{"retention took what was finished", Evidence{
			Commit: commit(intake.Reservation{Low: 100, Reserved: 200, Done: []intake.Run{{From: 100, To: 120}, {From: 125, To: 130}}}), First: 110, End: 900,
		}, true, intake.Reservation{Low: 120, Reserved: 200, Done: []intake.Run{{From: 125, To: 130}}}, "", 0, nil},
		{"retention took everything", Evidence{Commit: commit(ours), First: 900, End: 900}, true, intake.Reservation{}, Overtaken, 900, nil},

		{"a shorter log", Evidence{Commit: commit(ours), End: 20, Known: below(20)}, true, intake.Reservation{}, PastTheEnd, 0, []string{
			"records up to 99 are known and the log ends at 20: the topic was made anew, or has lost its last records",
			"what is there now, 0 to 19, was never read",
		}},
		// Other records will stand at 110 to 119: none of them may pass for finished.
		{"a log that lost its end", Evidence{Commit: commit(ours), End: 110, Known: below(120)}, true, intake.Reservation{}, PastTheEnd, 100, []string{
			"records up to 119 are known and the log ends at 110", "what is from 110 on now was never read", "--from 100",
		}},

		// Accepted. Where nobody knows what was under way, all that the last owner
		// could reach is in doubt.
		{"accepted: vanished", Evidence{Commit: none, End: 99_000, Known: below(300), Accepted: accepted(none, 300)}, true,
			unknown(300, 300+intake.MaxSpan), "", 0, nil},
		{"accepted: reset to the start", Evidence{Commit: set(0, ""), End: 900, Known: below(300), Accepted: accepted(set(0, ""), 0)}, true,
			unknown(0, 900), "", 0, nil},
		{"accepted: gone back", Evidence{Commit: commit(ours), End: 900, Known: below(300), Accepted: accepted(commit(ours), 300)}, true,
			unknown(300, 900), "", 0, nil},
		// What is known of it still counts.
		{"accepted: overtaken", Evidence{Commit: commit(ours), First: 104, End: 900, Accepted: accepted(commit(ours), 104)}, true,
			intake.Reservation{Low: 105, Reserved: 200, Due: 5, Parked: 7, Owner: "n1"}, "", 0, nil},
		// Nothing is wrong, and it was said nevertheless.
		{"accepted: further than it was", Evidence{Commit: commit(ours), End: 900, Known: below(105), Accepted: accepted(commit(ours), 150)}, true,
			intake.Reservation{Low: 150, Reserved: 200, Due: 5, Parked: 7, Owner: "n1"}, "", 0, nil},
		{"accepted: made anew", Evidence{Commit: commit(ours), End: 20, Accepted: anew(commit(ours), 0, 0)}, true,
			intake.Reservation{Due: 5, Parked: 7, Owner: "n1"}, "", 0, nil},
		{"accepted: lost its end", Evidence{Commit: commit(ours), End: 110, Known: below(120), Accepted: anew(commit(ours), 100, 110)}, true,
			intake.Reservation{Low: 100, Reserved: 110, Done: []intake.Run{{From: 103, To: 105}}, Due: 5, Parked: 7, Owner: "n1"}, "", 0, nil},
		// Before anything ran: to begin with what comes.
		{"accepted: a first start at the end", Evidence{Commit: none, End: 900, Accepted: accepted(none, 900)}, false,
			intake.Reservation{Low: 900, Reserved: 900}, "", 0, nil},
		// What was accepted is gone as well.
		{"accepted, and retention went on", Evidence{Commit: commit(ours), First: 500, End: 900, Accepted: accepted(commit(ours), 300)}, true,
			intake.Reservation{}, Overtaken, 500, []string{"offset 300 is the next to be read and 500 is the first", "between 300 and 500, 200 records are"}},
		{"accepted, and the topic was made anew", Evidence{Commit: commit(ours), End: 20, Accepted: accepted(commit(ours), 300)}, true,
			intake.Reservation{}, PastTheEnd, 0, []string{"records up to 299 are known and the log ends at 20"}},
		// The word of an operator is about what was seen.
		{"accepted another state", Evidence{Commit: set(0, ""), End: 900, Known: below(300), Accepted: accepted(set(1, ""), 300)}, true,
			intake.Reservation{}, Foreign, 300, nil},
		{"accepted other metadata", Evidence{Commit: set(0, "a"), End: 900, Known: below(300), Accepted: accepted(set(0, "b"), 300)}, true,
			intake.Reservation{}, Foreign, 300, nil},
		// It was reset a second time, in the same way.
		{"accepted, and gone by before", Evidence{Commit: set(0, ""), End: 900, Known: below(300), Accepted: func() *controlv1.Record {
			r := accepted(set(0, ""), 300)
			r.GetAcceptance().AppliedMs = 1
			return r
		}()}, true, intake.Reservation{}, Foreign, 300, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.evidence.Partition = judged
			v := Judge("carillon", c.ran, c.evidence)[0]
			if c.why == "" {
				if v.Fault != nil {
					t.Fatal(v.Fault)
				}
				if d := cmp.Diff(c.found, v.Found); d != "" {
					t.Error(d)
				}
				if wants := strings.HasPrefix(c.name, "accepted"); wants != (v.By != nil) {
					t.Errorf("it rests on %v", v.By)
				}
				return
			}
			if v.Fault == nil || v.Fault.Why != c.why || v.Fault.From != c.from {
				t.Fatalf("%+v, want %s from %d", v, c.why, c.from)
			}
			if said := v.Fault.Error(); strings.Contains(said, "\n") || strings.Contains(said, "-1") {
				t.Errorf("no sentence: %s", said)
			}
			for _, part := range c.says {
				if !strings.Contains(v.Fault.Error(), part) {
					t.Errorf("%v\nlacks %q", v.Fault, part)
				}
			}
			// What is suggested is taken, and ends it.
			c.evidence.Accepted = accepted(c.evidence.Commit, v.Fault.From)
			if v.Fault.Anew {
				c.evidence.Accepted = anew(c.evidence.Commit, v.Fault.From, v.Fault.AnewFrom)
			}
			if v = Judge("carillon", c.ran, c.evidence)[0]; v.Fault != nil {
				t.Errorf("what was suggested is no way out: %v", v.Fault)
			}
		})
	}
}

// An owner commits both inputs before it reads a record: where one says that
// the shard ran, the other one's commit was there.
func TestJudgeBothInputs(t *testing.T) {
	urgent := Evidence{Partition: judged, Commit: commit(intake.Reservation{Low: 100, Reserved: 100}), End: 100}
	bulk := Evidence{Partition: kafka.Partition{Topic: "carillon.sends.bulk", Index: 3}, Commit: none, End: 900}
	v := Judge("carillon", false, urgent, bulk)
	if v[0].Fault != nil || v[1].Fault == nil || v[1].Fault.Why != Vanished {
		t.Errorf("%+v", v)
	}
	// The first commit of a first start is no sign of anything.
	urgent.Commit, urgent.First = commit(intake.Reservation{Low: 100, Reserved: 100}), 100
	if v = Judge("carillon", false, urgent, bulk); v[0].Fault != nil || v[1].Fault != nil || v[1].Found.Low != 0 {
		t.Errorf("%+v", v)
	}
}

// Whatever an owner leaves behind, the next one reads exactly what is not
// finished; and where retention took some of that, exactly this is named.
func TestJudgeLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end := rapid.Int64Range(0, 60).Draw(t, "end")
		finished := map[int64]bool{}
		for _, o := range rapid.SliceOfN(rapid.Int64Range(0, max(0, end-1)), 0, 60).Draw(t, "finished") {
			finished[o] = end > 0
		}
		r := intake.Reservation{}
		for finished[r.Low] {
			r.Low++
		}
		settled := int64(0)
		for o := r.Low; o < end; o++ {
			if !finished[o] {
				continue
			}
			if n := len(r.Done); n > 0 && r.Done[n-1].To == o {
				r.Done[n-1].To++
			} else {
				r.Done = append(r.Done, intake.Run{From: o, To: o + 1})
			}
		}
		for o := range finished {
			settled = max(settled, o+1)
		}
		if end == 0 {
			settled = 0
		}
		r.Reserved = rapid.Int64Range(r.Low, end+20).Draw(t, "reserved")
		first := rapid.Int64Range(0, end).Draw(t, "first")
		v := Judge("g", true, Evidence{Partition: judged, Commit: commit(r), First: first, End: end, Known: below(min(settled, max(r.Reserved, settledBy(r))))})[0]

		var gap, read, want []int64
		for o := range end {
			switch {
			case finished[o]:
			case o < first:
				gap = append(gap, o)
			default:
				want = append(want, o)
			}
		}
		if len(gap) > 0 {
			if v.Fault == nil || v.Fault.Why != Overtaken || !slices.Equal(offsets(v.Fault.Gap), gap) {
				t.Fatalf("deleted unread: %v, verdict %+v", gap, v)
			}
			return
		}
		if v.Fault != nil {
			t.Fatal(v.Fault)
		}
		done := offsets(v.Found.Done)
		for o := v.Found.Low; o < end; o++ {
			if !slices.Contains(done, o) {
				read = append(read, o)
			}
		}
		if !slices.Equal(read, want) || v.Found.Low < first || v.Found.Reserved < v.Found.Low || v.Found.Reserved > max(end, v.Found.Low) {
			t.Fatalf("reads %v, want %v: %+v", read, want, v.Found)
		}
	})
}

// settledBy is behind the last offset that the commit knows to be finished.
func settledBy(r intake.Reservation) int64 {
	if n := len(r.Done); n > 0 {
		return r.Done[n-1].To
	}
	return r.Low
}

func offsets(runs []intake.Run) []int64 {
	var all []int64
	for _, r := range runs {
		for o := r.From; o < r.To; o++ {
			all = append(all, o)
		}
	}
	return all
}
