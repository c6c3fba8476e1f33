package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
)

// takeEngine lets one node send everything, and accounts for every send. during
// (nil for nothing) runs beside it and is waited for.
func (r *run) takeEngine(ctx context.Context, during func(*rig.Node) error) (done turn, err error) {
	round, err := r.rig.Begin(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, round.Close()) }()
	node, err := round.Start(ctx, "node", nil)
	if err != nil {
		return done, err
	}
	watched, err := round.Processes()
	if err != nil {
		return done, err
	}
	meter, err := rig.Measure(time.Second, watched)
	if err != nil {
		return done, err
	}
	beside := make(chan error, 1)
	go func() {
		if during == nil {
			beside <- nil
			return
		}
		beside <- during(node)
	}()
	status := r.rig.Topic("status")
	if err := await(ctx, node.Process(), every, r.arrived(ctx, status)); err != nil {
		return done, fmt.Errorf("%w; its log is %s", err, node.Log)
	}
	m, err := meter.Stop()
	if err != nil {
		return done, err
	}
	allocs, err := node.Allocs(ctx)
	if err != nil {
		return done, err
	}
	if err := errors.Join(<-beside, checkOutcomes(ctx, r.rig.Broker.Addr, status, r.sends), checkLedger(node.Ledger, r.sends)); err != nil {
		return done, err
	}
	return turn{rate: float64(r.sends.Len()) / m.Elapsed.Seconds(), took: m.Elapsed, use: m.Roles, allocs: allocs}, nil
}
