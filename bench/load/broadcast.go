package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

// Broadcast publishes the workload, and then has new nodes send all of it, as
// fast as they can, round after round. An error says that the run itself failed
// or was interrupted; what it found wrong is in the result.
func Broadcast(ctx context.Context, c Config, rounds int) (_ *report.Result, err error) {
	if rounds < 1 {
		return nil, fmt.Errorf("rounds: %d; give 1 or more", rounds)
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	result := c.result("broadcast", s.rig)
	result.Settings["rounds"] = rounds
	if err := c.begun(result); err != nil {
		return nil, err
	}
	records := c.Workload.Records(s.rig.Topic(c.Workload.Topic), "send")
	if err := s.publish(ctx, records); err != nil {
		return nil, err
	}
	var all []*passed
	for i := range rounds {
		p, err := s.pass(ctx, c.Nodes, records)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		problems(result, fmt.Sprintf("round %d", i+1), p)
		c.say("round %d of %d: %s sends/s, %d lost, %d doubled", i+1, rounds, report.Whole(p.rate()), p.verdict.Lost, p.verdict.Doubled)
		all = append(all, p)
	}
	if c.Profiles != "" {
		lasts := slices.Min(each(all, func(p *passed) float64 { return p.seconds }))
		if err := s.profile(ctx, records, time.Duration(lasts*float64(time.Second))); err != nil {
			return nil, err
		}
	}
	addCost(result, all)
	addSeries(result, all)
	return result, nil
}
