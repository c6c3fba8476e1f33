package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	failpoint "github.com/carillonhq/carillon/engine/fault"
)

// PointsConfig of a run in which one of two nodes is killed at the named points
// of its code (engine/fault). Length, Faults and Gap have no meaning here.
type PointsConfig struct {
	Config
	Points      []string
	Repetitions int // of each point
}

// ErrNoPoints says that the program was built without them.
var ErrNoPoints = errors.New("this carillon has no points to be killed at: build one with " +
	"go build -tags faults -o carillon-faults ./cmd/carillon, and run that")

// ParsePoints reads a list of points: names with commas between them, or "all".
func ParsePoints(list string) ([]string, error) {
	if !failpoint.Enabled {
		return nil, ErrNoPoints
	}
	var all []string
	for _, p := range failpoint.Points() {
		all = append(all, p.Name)
	}
	if list == "all" {
		return all, nil
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no point %q; there are:\n%s", name, failpoint.Table(failpoint.Points()))
		}
		names = append(names, name)
	}
	return names, nil
}

// pointsRun is one such run under way.
type pointsRun struct {
	*run
	points      []string
	repetitions int
	rng         *rand.Rand
	victim      *node
	since       time.Time // when it was started
	published   []int     // by fault: how many sends there were
}

// RunPoints has the first node die at each point as often as asked for, in an
// order and at passes by the seed, and returns what became of every send. The
// node that is started after a death has the next point before it.
func RunPoints(ctx context.Context, c PointsConfig) (*PointsReport, error) {
	if !failpoint.Enabled {
		return nil, ErrNoPoints
	}
	c.Length, c.Faults = time.Second, []Kind{Kill} // for Check alone
	if err := c.Check(); err != nil {
		return nil, err
	}
	x := &pointsRun{
		run: &run{Config: c.Config, began: time.Now()}, points: c.Points, repetitions: c.Repetitions,
		rng: rand.New(rand.NewPCG(c.Seed, 0x901275)),
	}
	e, v, err := x.through(ctx, x.load)
	if err != nil {
		return nil, err
	}
	return newPointsReport(x, newReport(x.run, e, v), v), nil
}

// load has all deaths happen, and leaves the cluster whole.
func (x *pointsRun) load(ctx context.Context) error {
	x.victim = x.cluster.nodes[0]
	began := time.Now()
	if _, err := x.victim.Process().Stop(30 * time.Second); err != nil {
		return err
	}
	x.cluster.doom(x.victim)
	err := x.underLoad(ctx, func() error {
		for range x.repetitions {
			for _, i := range x.rng.Perm(len(x.points)) {
				if err := x.death(ctx, x.points[i]); err != nil {
					return err
				}
			}
		}
		return x.restart(nil)
	})
	x.cluster.doom(nil)
	x.Length = time.Since(began)
	return err
}

// death runs the node until it is dead at a point.
func (x *pointsRun) death(ctx context.Context, point string) error {
	pass := fmt.Sprintf("%s:%d", point, 1+x.rng.IntN(passes(point)))
	if err := x.restart([]string{failpoint.PointEnv + "=" + pass}); err != nil {
		return err
	}
	err := x.await(ctx, point)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := Fault{Kind: Kill, Point: point, Node: x.victim.Name, Begin: time.Now(), Err: err}
	x.say("%s: dead after %.1f s %s", pass, time.Since(x.since).Seconds(), explained(err))
	x.faults.done = append(x.faults.done, f)
	x.published = append(x.published, len(x.publisher.all()))
	if err := x.victim.Process().Kill(); err != nil { // where it was not reached
		return err
	}
	// It comes back at once and finds its former self in the group, or so late
	// that the other node has its shards.
	if x.rng.IntN(2) == 0 {
		sleep(ctx, x.Session*4/3)
	}
	return nil
}

// restart starts the node with this environment; with that, its last death is
// over.
func (x *pointsRun) restart(env []string) error {
	if n := len(x.faults.done); n > 0 {
		x.faults.done[n-1].End = time.Now()
	}
	x.victim.Env, x.since = env, time.Now()
	return x.victim.Start()
}

// reachWithin bounds how long a node may run until it gets to a point: it has to
// join, restore and send.
const reachWithin = time.Minute

// await returns when the node is dead, or why it is not.
func (x *pointsRun) await(ctx context.Context, point string) error {
	p := x.victim.Process()
	until, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	if point == failpoint.DuringDrain {
		for !x.victim.Ready(until) && p.Running() && sleep(until, 20*time.Millisecond) {
			continue
		}
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	select {
	case <-p.Done():
		if !process.Killed(p.State()) {
			return fmt.Errorf("%s was not reached: the node ended with %v", point, p.State())
		}
		return nil
	case <-until.Done():
		return fmt.Errorf("%s was not reached within %v", point, reachWithin)
	}
}

// passes returns how often a node surely passes a point within seconds.
func passes(point string) int {
	switch point {
	case failpoint.DuringDrain:
		return 1 // a node drains once
	case failpoint.AfterClaim, failpoint.DuringRestore:
		return 2 // once a shard
	case failpoint.AfterReservation, failpoint.BeforeCommit, failpoint.AfterCommit:
		return 4 // once a second
	default:
		return 40 // with each batch
	}
}

func explained(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}
