package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// accounted is what became of every send, by the topics status and ledger, and
// by the provider's ledgers.
type accounted struct {
	near  *tally.Verdict
	late  times // of the near ones
	early int   // attempts before their time, of far ones too
	far   farTally
}

// farTally is what became of those that are to be parked still.
type farTally struct {
	records workload.Records
	parked  []uint8 // status events that say so, up to 255
	live    []bool  // the topic ledger has it
	ended   int     // outcomes
}

// account reads what became of every send, once the nodes have stopped.
func (p *parked) account(ctx context.Context) (*accounted, error) {
	a := &accounted{late: newTimes(), far: farTally{
		records: p.far, parked: make([]uint8, p.far.Len()), live: make([]bool, p.far.Len()),
	}}
	t := tally.New(p.near)
	status := func(e *carillonv1.Status) {
		if !a.far.status(e) {
			t.Outcome(e)
		}
	}
	attempt := func(e sink.Entry) {
		if _, far := p.far.Number(e.ID); far {
			a.early++
			return
		}
		t.Attempt(e.ID, e.Sent())
		i, ok := p.near.Number(e.ID)
		switch late := e.At.Sub(p.dueAt(i)); {
		case !ok:
		case late < 0:
			a.early++
		case e.Attempt <= 1:
			a.late.add(uint32(max(1, late.Microseconds())))
		}
	}
	addr := p.rig.Broker.Addr
	ends, err := p.rig.Ends(ctx, p.rig.Topic("status"))
	if err == nil {
		err = tally.ReadStatus(ctx, addr, p.rig.Topic("status"), ends, status)
	}
	if err == nil {
		ends, err = p.rig.Ends(ctx, p.rig.Topic("ledger"))
	}
	if err == nil {
		err = tally.ReadTopic(ctx, addr, p.rig.Topic("ledger"), ends, a.far.row)
	}
	if err := errors.Join(err, tally.ReadAttempts(p.round.Ledgers(), attempt)); err != nil {
		return nil, fmt.Errorf("account for the sends: %w", err)
	}
	a.near = t.Verdict()
	return a, nil
}

// dueAt returns when the ith near send falls due.
func (p *parked) dueAt(i int) time.Time { return p.moment.Add(p.slice(i, p.Near, p.Over)) }

// status takes a status event, and says whether it is of a far one.
func (f *farTally) status(e *carillonv1.Status) bool {
	i, ok := f.records.Number(e.Id)
	switch {
	case !ok:
		return false
	case e.Kind == carillonv1.Kind_KIND_OUTCOME:
		f.ended++
	case e.Status == carillonv1.State_STATE_PARKED && f.parked[i] < 255:
		f.parked[i]++
	}
	return true
}

// row takes a record of ledger: app, recipient, id with a NUL between.
func (f *farTally) row(r *kgo.Record) error {
	parts := bytes.Split(r.Key, []byte{0})
	if i, ok := f.records.Number(string(parts[len(parts)-1])); ok {
		f.live[i] = r.Value != nil
	}
	return nil
}

// lost counts those that are neither parked nor ended, and doubled those that
// were parked more than once.
func (f *farTally) lost() (n int) {
	for _, live := range f.live {
		if !live {
			n++
		}
	}
	return max(0, n-f.ended)
}

func (f *farTally) doubled() (n int) {
	for _, times := range f.parked {
		if times > 1 {
			n++
		}
	}
	return n
}

// problems has a sentence for each thing that is wrong.
func (a *accounted) problems(p *parked, still float64) []string {
	all := a.near.Problems
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(a.early, "attempts came to the provider before their time")
	add(a.far.ended, "sends that fall due tomorrow have an outcome")
	add(a.far.lost(), "sends that fall due tomorrow are gone from the topic ledger")
	add(a.far.doubled(), "sends that fall due tomorrow were parked more than once")
	if int(still) != p.far.Len() {
		add(1, fmt.Sprintf("count is wrong: the nodes say that %v sends are parked, of %d", still, p.far.Len()))
	}
	if p.late != "" {
		all = append(all, p.late)
	}
	if err := errors.Join(p.parking.Check(), p.due.Check()); err != nil {
		all = append(all, err.Error())
	}
	return all
}
