package shard

import (
	"bytes"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// ledgerRecord learns a parked send, unless its outcome is known.
func (r *Restorer) ledgerRecord(rec *kafka.Record) error {
	parts := bytes.Split(rec.Key, []byte{0})
	if len(parts) != 3 {
		return nil
	}
	key := send.KeyOf(string(parts[0]), string(parts[1]), string(parts[2]))
	if r.parking[key] { // one batch changes a row once
		if err := r.apply(); err != nil {
			return err
		}
	}
	delete(r.stale, string(rec.Key)) // what is owed is about the last record of a key
	delete(r.again, key)
	mark, seen := r.Ledger.Seen(key, r.Now)
	if rec.Value == nil {
		r.batch.Drop = append(r.batch.Drop, ledger.Drop{Key: key})
		if seen && !mark.Settled { // its outcome was before the window
			return r.add(ledger.Entry{Key: key, Origin: mark.Origin, Input: noInput})
		}
		return nil
	}
	var p ledgerv1.Parked
	if p.UnmarshalVT(rec.Value) != nil || p.Send == nil || p.Send.To == nil {
		return nil //nolint:nilerr // not ours: it can park nothing
	}
	parked := parkedRecord{unpark(key, &p), queueOf(&p), p.DueMs, bytes.Clone(rec.Value), false}
	switch {
	case !seen || !mark.Settled || fault.Mutant(fault.ParkedOverOutcome):
		parked.fresh = !seen // whoever has a row is in the index
		return r.park(parked)
	case mark.Origin == parked.origin:
		r.stale[string(rec.Key)] = true
	default: // an id may be used again; which of the two is the later one shows at the end
		r.again[key] = parked
	}
	return nil
}

// parkedRecord is a record of `ledger`.
type parkedRecord struct {
	*item
	queue string
	due   int64
	value []byte
	fresh bool // it has no row yet
}

func (r *Restorer) park(p parkedRecord) error {
	r.parking[p.key] = true
	r.batch.Park = append(r.batch.Park, ledger.Row{Key: p.key, Origin: p.origin, Queue: p.queue, Tenant: tenantOf(p.queue, p.Send.App), Due: p.due, Value: p.value, Fresh: p.fresh})
	input := uint8(intake.Urgent)
	if p.Bulk {
		input = intake.Bulk
	}
	return r.add(ledger.Entry{Key: p.key, Origin: p.origin, Input: input, Offset: p.offset, Parked: true})
}

// queueOf returns the ledger's queue of a parked send.
func queueOf(p *ledgerv1.Parked) string {
	if p.Open {
		return openQueue
	}
	queue := queueName(p.Channel, p.Account, p.Bulk)
	if p.Held {
		queue = heldQueue
	} else if p.Channel == "" {
		queue = timeQueue
	} else if code := p.Reason.GetCode(); p.Reason.GetClass() == "time" && (code == codeNotYet || code == codeQuietHours || code == codeCapped) {
		queue += timeRows
	} else if p.Reason.GetClass() == ClassOperator && code == codePaused {
		queue += pausedRows
	}
	if hasTurn(p) || p.Send.GetCollapseKey() != "" {
		queue += orderedRows
	}
	return queue
}
