package control

import (
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// follower is where Follow is. Its goroutine alone uses it.
type follower struct {
	*Table
	changed func(*controlv1.Record)
	fresh   map[string]entry // what was read since the beginning, until that is all; then nil
	moved   bool             // the table is another one than Moved was told of
	told    map[error]bool   // kinds of records passed over that are in the log
}

func (f *follower) failed(err error, again time.Duration) {
	f.log.Warn().Err(err).Str("topic", f.part.Topic).Stringer("again_in", again).Msg("can't follow what operators decide")
}

// answered tells that the table has changed.
func (f *follower) answered(all bool) {
	if f.fresh != nil && all {
		f.catchUp()
	}
	f.tell()
}

func (f *follower) tell() {
	if f.moved && f.Moved != nil {
		f.Moved()
	}
	f.moved = false
}

// catchUp makes what was read the table, and tells of it.
func (f *follower) catchUp() {
	f.mu.Lock()
	f.entries, f.fresh = f.fresh, nil
	f.mu.Unlock()
	f.moved = true
	f.tell() // before anybody goes by what is caught up
	select {
	case <-f.caught:
	default:
		close(f.caught)
	}
	for _, e := range f.inOrder() {
		f.changed(e.record)
	}
}

func (f *follower) record(r *kafka.Record) {
	if r.Value == nil {
		f.put(string(r.Key), entry{})
		return
	}
	rec, err := parse(string(r.Key), r.Value)
	if err != nil {
		f.put(string(r.Key), entry{}) // it was put in the place of what stood there
		f.skip(r.Offset, err)
		return
	}
	f.put(string(r.Key), entry{rec, r.Offset})
	if f.fresh == nil {
		f.changed(rec)
	}
}

// put changes the table, or what is to be the table.
func (f *follower) put(key string, e entry) {
	to := f.fresh
	if to == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		to, f.moved = f.entries, true
	}
	if e.record == nil {
		delete(to, key)
	} else {
		to[key] = e
	}
}

func (f *follower) skip(offset int64, why error) {
	if f.Skipped != nil {
		f.Skipped()
	}
	if f.told[why] {
		return
	}
	f.told[why] = true
	f.log.Error().Int64("offset", offset).Str("topic", f.part.Topic).
		Msgf("a record of what operators decide %v: it is passed over, as are all that follow of its kind", why)
}
