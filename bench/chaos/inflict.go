package chaos

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// Fault is one that was carried out.
type Fault struct {
	Kind Kind
	// Point is where in its code a node was killed; "": anywhere.
	Point string
	Node  string // "" for the broker's
	// Begin is just before it; what was open then is in doubt. End is when
	// nothing more can become so: the target is gone, or runs again.
	Begin, End time.Time
	// since is when the process that it struck was started; zero where that was
	// at the beginning, or it struck several.
	since time.Time
	// Woken is when a zombie ran again.
	Woken time.Time
	// Clean is false for a restart that had to be forced.
	Clean  bool
	Gauges gauges // just before
	Err    error  // it could not be carried out in full
}

// inflictor carries out a plan.
type inflictor struct {
	cluster  *cluster
	progress func(string, ...any)
	mu       sync.Mutex
	done     []Fault
}

// run carries the plan out, and returns when every target has been set right.
func (x *inflictor) run(ctx context.Context, plan []planned) {
	began := time.Now()
	var all sync.WaitGroup
	defer all.Wait()
	for _, p := range plan {
		if !sleep(ctx, p.at-time.Since(began)) {
			return
		}
		all.Go(func() {
			f := x.one(ctx, p)
			x.mu.Lock()
			defer x.mu.Unlock()
			x.done = append(x.done, f)
		})
	}
}

// sleep reports whether it was not cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (x *inflictor) one(ctx context.Context, p planned) Fault {
	f := Fault{Kind: p.kind, Clean: true}
	var n *node
	if p.node >= 0 {
		n = x.cluster.nodes[p.node]
		f.Node = n.name
		f.Gauges, _ = n.scrape(ctx) // a node that does not answer has zeros
	}
	x.progress("%s %s for %v (open %d, unacknowledged %d, waiting %d)", p.kind, f.Node, p.lasts,
		f.Gauges.open, f.Gauges.unacknowledged, f.Gauges.waiting)
	f.Begin = time.Now()
	switch p.kind {
	case Kill, Disk, Restart:
		f.Err = x.restart(ctx, n, p, &f)
	case Zombie:
		f.Err = x.freeze(ctx, n, p.lasts, &f)
	case PluginKill, PluginStop:
		f.Err = x.plugin(ctx, n, p, &f)
	case Broker:
		f.Err = x.restartBroker(ctx, p.lasts)
		f.End = time.Now()
	}
	if f.Err != nil {
		x.progress("%s %s: %v", p.kind, f.Node, f.Err)
	}
	return f
}

// restart ends a node and starts it again. Its attempts that come to the
// ledger before the start are still the old process's.
func (x *inflictor) restart(ctx context.Context, n *node, p planned, f *Fault) (err error) {
	if p.kind == Restart {
		f.Clean, err = n.process().terminate(30 * time.Second)
	} else {
		err = n.process().kill()
	}
	if err != nil {
		return err
	}
	sleep(ctx, p.lasts) // cut short or not: it is started again
	if p.kind == Disk {
		if err := os.RemoveAll(n.data); err != nil {
			return fmt.Errorf("remove the data of %s: %w", n.name, err)
		}
	}
	f.End = time.Now()
	return n.start()
}

// freeze stops a node's process; its plugins run on, and finish what they were
// handed before.
func (x *inflictor) freeze(ctx context.Context, n *node, d time.Duration, f *Fault) error {
	p := n.process()
	if err := p.signal(sigStop); err != nil {
		return err
	}
	sleep(ctx, d)
	f.End, f.Woken = time.Now(), time.Now()
	return p.signal(sigCont)
}

// pipes is how long a thawed plugin may take to get at what it was handed
// before.
const pipes = 500 * time.Millisecond

func (x *inflictor) plugin(ctx context.Context, n *node, p planned, f *Fault) error {
	leaders, err := n.plugins()
	if err != nil {
		return err
	}
	all := func(s syscall.Signal) (err error) {
		for _, id := range leaders {
			if e := signalGroup(id, s); e != nil {
				err = e
			}
		}
		return err
	}
	if len(leaders) == 0 {
		f.End = f.Begin
		return fmt.Errorf("%s has no plugin process at the moment", n.name)
	}
	if p.kind == PluginKill {
		err = all(sigKill)
		f.End = time.Now()
		return err
	}
	if err := all(sigStop); err != nil {
		return err
	}
	sleep(ctx, p.lasts)
	f.End = time.Now().Add(pipes)
	return all(sigCont)
}

func (x *inflictor) restartBroker(ctx context.Context, d time.Duration) error {
	b := x.cluster.broker
	if err := b.Kill(); err != nil {
		return err
	}
	sleep(ctx, d)
	return b.Restart(context.WithoutCancel(ctx))
}
