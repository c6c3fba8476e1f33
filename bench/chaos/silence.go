package chaos

import (
	"context"
	"time"

	"github.com/carillonhq/carillon/bench/process"
)

// silences says whether a fault takes a node out of the group while it lives, so
// that another owns its shards when it goes on.
func (k Kind) silences() bool { return k == Zombie || k == Partition }

// fill has sends wait in a node's lanes: a node that is silenced must have
// something that it would like to send when it goes on. A node that has only just
// got its shards may take a while. Where the provider has no limit, nothing waits.
func (x *inflictor) fill(ctx context.Context, n *node, f *Fault) {
	const rounds = 4
	for round := 0; x.rate > 0 && round < rounds && f.Gauges.waiting < x.rate/10; round++ {
		x.publisher.crowd(x.rate * 3 / 2)
		until, cancel := context.WithTimeout(ctx, 3*time.Second)
		for f.Gauges.waiting < x.rate/10 && sleep(until, 50*time.Millisecond) {
			if g, err := n.scrape(ctx); err == nil {
				f.Gauges = g
			}
		}
		cancel()
	}
}

// silence freezes a node's process, or cuts it off from the broker, for longer
// than its session. Its plugins run on: those of a frozen node finish what they
// were handed, and those of one that is cut off are handed more, until its
// session is over by its own clock.
func (x *inflictor) silence(ctx context.Context, n *node, p planned, f *Fault) error {
	running := n.Process()
	if p.kind == Zombie {
		if err := running.Signal(process.SIGSTOP); err != nil {
			return err
		}
	} else {
		n.link.cut()
	}
	ask, cancel := context.WithTimeout(ctx, x.session/2)
	f.Reserved = x.watcher.reserved(ask, n.Name)
	cancel()
	sleep(ctx, p.lasts-time.Since(f.Begin))
	f.End = time.Now()
	defer func() { f.Again = x.outsideUntil(ctx, n.Name, f.End) }()
	if p.kind == Zombie {
		f.Fenced = f.End
		return running.Signal(process.SIGCONT)
	}
	f.Fenced = f.Begin.Add(x.session)
	return n.link.heal()
}

// outsideUntil returns until when a node was no member of the group for sure,
// once it is one again. Who joins again knows that it was out.
func (x *inflictor) outsideUntil(ctx context.Context, node string, woken time.Time) time.Time {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	outside := woken
	for {
		asked := time.Now()
		group, err := x.watcher.describe(ctx)
		if _, belongs := group.members[node]; belongs {
			return outside
		}
		if err == nil {
			outside = asked
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return outside
		}
	}
}
