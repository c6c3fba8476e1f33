package rig

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Account reads what became of every send of the round, by the topic status and
// by what the nodes' provider has noted. The round is closed.
func (d *Round) Account(ctx context.Context, sends tally.Sends) (*tally.Verdict, error) {
	status := d.Rig.Topic("status")
	found, err := d.Rig.client.Offsets(ctx, d.Rig.partitions(status), kafka.Latest)
	if err != nil {
		return nil, fmt.Errorf("read the ends of %s: %w", status, err)
	}
	ends := make(map[int32]int64, len(found))
	for p, end := range found {
		ends[p.Index] = end
	}
	t := tally.New(sends)
	err = tally.ReadStatus(ctx, d.Rig.Broker.Addr, status, ends, func(e *carillonv1.Status) { t.Outcome(e) })
	if err := errors.Join(err, tally.ReadLedgers(d.Ledgers(), t.Attempt)); err != nil {
		return nil, fmt.Errorf("account for the sends: %w", err)
	}
	return t.Verdict(), nil
}
