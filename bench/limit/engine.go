package limit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
)

// takeEngine lets one node send everything, and accounts for every send. during
// (nil for nothing) runs beside it and is waited for.
func (r *run) takeEngine(ctx context.Context, during func(*rig.Node) error) (turn, error) {
	round, t, err := r.sendAll(ctx, during)
	if err != nil {
		return t, err
	}
	return t, r.account(ctx, round)
}

// sendAll lets one node send everything, and ends it.
func (r *run) sendAll(ctx context.Context, during func(*rig.Node) error) (round *rig.Round, t turn, err error) {
	if round, err = r.rig.Begin(ctx); err != nil {
		return nil, t, err
	}
	launched := time.Now()
	node, err := round.Start(ctx, "node", r.change)
	if err == nil {
		t, err = r.watchEngine(ctx, round, node, launched, during)
	}
	if err := errors.Join(err, round.Close()); err != nil {
		return nil, t, err
	}
	r.showLog(node)
	return round, t, nil
}

// account returns what is wrong with the sends of a round.
func (r *run) account(ctx context.Context, round *rig.Round) error {
	verdict, err := round.Account(ctx, r.sends)
	if err == nil && len(verdict.Problems) > 0 {
		err = errors.New(strings.Join(verdict.Problems, "; "))
	}
	return err
}

func (r *run) watchEngine(ctx context.Context, round *rig.Round, node *rig.Node, launched time.Time, during func(*rig.Node) error) (turn, error) {
	watched, err := round.Processes()
	if err != nil {
		return turn{}, err
	}
	watched = append(watched, r.beside...)
	beside := make(chan error, 1)
	go func() {
		if during == nil {
			beside <- nil
			return
		}
		beside <- during(node)
	}()
	t, err := r.watch(ctx, node.Process(), watched, r.rig.Topic("status"), launched)
	if err := errors.Join(err, <-beside); err != nil {
		return t, fmt.Errorf("%w; its log is %s", err, node.Log)
	}
	said, err := node.Metrics(ctx)
	t.allocs, t.allocated = said.Sum("go_memstats_mallocs_total"), said.Sum("go_memstats_alloc_bytes_total")
	return t, err
}

// showLog says what the node has logged: in a good round nothing.
func (r *run) showLog(n *rig.Node) {
	text, err := os.ReadFile(n.Log)
	if err != nil || len(text) == 0 {
		return
	}
	first, _, _ := strings.Cut(string(text), "\n")
	r.say("the engine logged %d lines, such as %s", strings.Count(string(text), "\n"), first)
}
