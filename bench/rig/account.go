package rig

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillonhq/carillon/bench/tally"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Account reads what became of every send of the round, by the topic status and
// by what the provider has noted. The round is closed.
func (d *Round) Account(ctx context.Context, sends tally.Sends) (*tally.Verdict, error) {
	status := d.Rig.Topic("status")
	ends, err := d.Rig.Ends(ctx, status)
	if err != nil {
		return nil, err
	}
	t := tally.New(sends)
	err = tally.ReadStatus(ctx, d.Rig.Broker.Addr, status, ends, func(e *carillonv1.Status) { t.Outcome(e) })
	if err := errors.Join(err, d.attempts(t.Attempt)); err != nil {
		return nil, fmt.Errorf("account for the sends: %w", err)
	}
	return t.Verdict(), nil
}

// attempts gives each one that the provider has noted to take.
func (d *Round) attempts(take func(id string, reached bool)) error {
	if d.Provider != nil {
		return d.Provider(take)
	}
	return tally.ReadLedgers(d.Ledgers(), take)
}
