package chaos

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/carillonhq/carillon/bench/process"
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
	// From Fenced until Again, a node that outlived its session may begin
	// nothing: it was frozen or cut off, and is no member of the group yet.
	Fenced, Again time.Time
	// Reserved is how many sends such a node could begin without another commit;
	// -1 where that is not known.
	Reserved int
	// Clean is false for a restart that had to be forced.
	Clean  bool
	Gauges gauges // just before
	Err    error  // it could not be carried out in full
}

// inflictor carries out a plan.
type inflictor struct {
	cluster   *cluster
	publisher *publisher
	watcher   *watcher
	rate      int // of the provider, 0 where it has none
	session   time.Duration
	progress  func(string, ...any)
	mu        sync.Mutex
	done      []Fault
}

func (r *run) newInflictor() *inflictor {
	return &inflictor{
		cluster: r.cluster, publisher: r.publisher, watcher: r.watcher,
		rate: r.ProviderRate, session: r.Session, progress: r.say,
	}
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
			switch p.kind {
			case Rolling:
				x.rolling(ctx, p.lasts)
			case Broker:
				x.one(ctx, p, nil)
			default:
				x.one(ctx, p, x.cluster.nodes[p.node])
			}
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

// one carries out a fault of one target: of a node, after those of it that are
// not over, or of the broker.
func (x *inflictor) one(ctx context.Context, p planned, n *node) {
	f := Fault{Kind: p.kind, Clean: true, Reserved: -1}
	if n != nil {
		n.struck.Lock()
		defer n.struck.Unlock()
		f.Node = n.Name
		f.Gauges, _ = n.scrape(ctx) // a node that does not answer has zeros
	}
	if p.kind.silences() {
		x.fill(ctx, n, &f)
	}
	x.progress("%s %s for %v (open %d, unacknowledged %d, waiting %d)", p.kind, f.Node, p.lasts,
		f.Gauges.open, f.Gauges.unacknowledged, f.Gauges.waiting)
	f.Begin = time.Now()
	switch p.kind {
	case Kill, Disk, Restart, Rolling:
		f.Err = x.restart(ctx, n, p, &f)
	case Zombie, Partition:
		f.Err = x.silence(ctx, n, p, &f)
	case PluginKill, PluginStop:
		f.Err = x.plugin(ctx, n, p, &f)
	case Broker:
		f.Err = x.restartBroker(ctx, p.lasts)
		f.End = time.Now()
	}
	if f.Err != nil {
		x.progress("%s %s: %v", p.kind, f.Node, f.Err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done = append(x.done, f)
}

// rolling restarts every node in turn, with a pause in which they hardly get to
// share the shards out, for at least one round.
func (x *inflictor) rolling(ctx context.Context, lasts time.Duration) {
	for end := time.Now().Add(lasts); ; {
		for _, n := range x.cluster.nodes {
			x.one(ctx, planned{kind: Rolling}, n)
			if !sleep(ctx, x.session/4) {
				return
			}
		}
		if time.Now().After(end) {
			return
		}
	}
}

// restart ends a node and starts it again. Its attempts that come to the
// ledger before the start are still the old process's.
func (x *inflictor) restart(ctx context.Context, n *node, p planned, f *Fault) (err error) {
	ended := x.watcher.sampleEnded(x.publisher.run, repeatedAtOnce)
	if p.kind == Restart || p.kind == Rolling {
		f.Clean, err = n.Process().Stop(30 * time.Second)
	} else {
		err = n.Process().Kill()
	}
	if err != nil {
		return err
	}
	sleep(ctx, p.lasts) // cut short or not: it is started again
	if p.kind == Disk {
		if err := os.RemoveAll(n.Data); err != nil {
			return fmt.Errorf("remove the data of %s: %w", n.Name, err)
		}
	}
	f.End = time.Now()
	if err := n.Start(); err != nil || p.kind != Disk {
		return err
	}
	return x.publisher.repeat(ctx, ended)
}

// repeatedAtOnce is how many sends are published again after a disk was lost:
// the engine must know from Kafka alone that they have ended.
const repeatedAtOnce = 50

func (x *inflictor) plugin(ctx context.Context, n *node, p planned, f *Fault) error {
	leaders, err := n.Plugins()
	if err != nil {
		return err
	}
	all := func(s syscall.Signal) (err error) {
		for _, id := range leaders {
			if e := process.SignalGroup(id, s); e != nil {
				err = e
			}
		}
		return err
	}
	if len(leaders) == 0 {
		f.End = f.Begin
		return fmt.Errorf("%s has no plugin process at the moment", n.Name)
	}
	if p.kind == PluginKill {
		err = all(syscall.SIGKILL)
		f.End = time.Now()
		return err
	}
	if err := all(process.SIGSTOP); err != nil {
		return err
	}
	sleep(ctx, p.lasts)
	f.End = time.Now()
	return all(process.SIGCONT)
}

// restartBroker returns when the nodes are members again: one that the broker
// has forgotten does not know until it asks. Kafka forgets none.
func (x *inflictor) restartBroker(ctx context.Context, d time.Duration) error {
	b := x.cluster.broker.Own
	if err := b.Kill(); err != nil {
		return err
	}
	sleep(ctx, d)
	if err := b.Restart(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	session, cancel := context.WithTimeout(ctx, x.session) // by then each knows by its own clock
	defer cancel()
	for !x.complete(session) && sleep(session, 50*time.Millisecond) {
		continue
	}
	return nil
}

// complete says whether all nodes that have no fault are members of the group.
func (x *inflictor) complete(ctx context.Context) bool {
	group, err := x.watcher.describe(ctx)
	if err != nil || !group.stable {
		return false
	}
	for _, n := range x.cluster.nodes {
		if n.struck.TryLock() {
			n.struck.Unlock()
			if _, belongs := group.members[n.Name]; !belongs {
				return false
			}
		}
	}
	return true
}
