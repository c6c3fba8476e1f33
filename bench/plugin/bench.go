package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/conform"
)

// Bench measures a plugin beside the bare stream: the bundled sink, which does
// nothing, over the same protocol.
type Bench struct {
	Plugin, Bare *Executable
	// Suite opens the plugin's account, and makes its attempts.
	Suite         conform.Suite
	Sends, Rounds int
	Progress      io.Writer
	// Begun is told the settings before anything is measured; it may be nil.
	Begun func(*report.Result) error
}

// Check says all that is wrong, by the names of the flags.
func (b *Bench) Check() (err error) {
	if b.Suite.Settings == "" {
		err = errors.New("config: is missing; give the settings of an account at a simulator")
	}
	if b.Sends < 1000 || b.Sends > 100_000_000 {
		err = errors.Join(err, fmt.Errorf("sends: %d; give 1,000 to 100,000,000", b.Sends))
	}
	if b.Rounds < 1 || b.Rounds > 1000 {
		err = errors.Join(err, fmt.Errorf("rounds: %d; give 1 to 1000", b.Rounds))
	}
	return err
}

// turn is what one process came to in one round.
type turn struct {
	rate     float64 // sends/s
	p50, p99 float64 // ms, of attempts one by one
	cpu      float64 // µs of the process for each send
	resident float64 // MiB at the end
}

// Run measures in rounds, in which the two take turns. It fails where an attempt
// is not accepted or delivered.
func (b *Bench) Run(ctx context.Context) (*report.Result, error) {
	began := time.Now()
	res := &report.Result{
		Command: "plugin", Started: began, Passed: true, Machine: report.ThisMachine(), Versions: map[string]string{},
		Broker: "no broker (attempts go straight to it)", Settings: map[string]any{"sends": b.Sends, "rounds": b.Rounds, "plugin": b.Plugin.spec.Name},
	}
	if b.Begun != nil {
		if err := b.Begun(res); err != nil {
			return nil, err
		}
	}
	bare := conform.Suite{Settings: "{}", Good: b.Suite.Good}
	var all [2][]turn
	for round := range b.Rounds {
		for k := range 2 {
			which := (round + k) % 2 // who goes first changes
			target, suite, name := b.Plugin, b.Suite, "plugin"
			if which == 1 {
				target, suite, name = b.Bare, bare, "bare stream"
			}
			t, err := b.take(ctx, target, suite)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all[which] = append(all[which], t)
			fmt.Fprintf(b.Progress, "round %d of %d: %s: %.0f sends/s\n", round+1, b.Rounds, name, t.rate)
		}
	}
	figures(res, all)
	return res, nil
}

func figures(res *report.Result, all [2][]turn) {
	each := func(which int, of func(turn) float64) (values []float64) {
		for _, t := range all[which] {
			values = append(values, of(t))
		}
		return values
	}
	var ratios []float64
	for i := range all[0] {
		ratios = append(ratios, all[0][i].rate/all[1][i].rate)
	}
	res.AddRounds("ratio", "", ratios, report.Higher).Note = "the plugin's rate as a share of the bare stream's in the same round"
	res.Figures[0].Key = true
	for which, prefix := range []string{"", "bare_"} {
		res.AddRounds(prefix+"sends_per_second", "sends/s", each(which, func(t turn) float64 { return t.rate }), report.Higher).Key = which == 0
		res.AddRounds(prefix+"p50_ms", "ms", each(which, func(t turn) float64 { return t.p50 }), report.Lower).Note = "an attempt alone, from the engine's side and back"
		res.AddRounds(prefix+"p99_ms", "ms", each(which, func(t turn) float64 { return t.p99 }), report.Lower)
		if process.Measurable {
			res.AddRounds(prefix+"cpu_us", "µs", each(which, func(t turn) float64 { return t.cpu }), report.Lower).Note = "CPU of the plugin's process for a send"
			res.AddRounds(prefix+"memory_mib", "MiB", each(which, func(t turn) float64 { return t.resident }), report.Lower).Note = "of the plugin's process at the end"
		}
	}
}

// take has one process its turn.
func (b *Bench) take(ctx context.Context, target *Executable, suite conform.Suite) (t turn, err error) {
	started, err := target.Start(ctx)
	if err != nil {
		return t, err
	}
	p := started.(*Running)
	defer p.Stop()
	if err := conform.Open(ctx, p, "a", suite); err != nil {
		return t, err
	}
	l, err := newLine(ctx, p, suite)
	if err != nil {
		return t, err
	}
	defer l.cancel()
	if err := l.pump(max(1000, b.Sends/20)); err != nil { // what is made at first
		return t, err
	}
	before, err := process.Usage(p.PID())
	if err != nil {
		return t, err
	}
	began := time.Now()
	if err := l.pump(b.Sends); err != nil {
		return t, err
	}
	took := time.Since(began)
	after, err := process.Usage(p.PID())
	if err != nil {
		return t, err
	}
	t.rate = float64(b.Sends) / took.Seconds()
	t.cpu = float64((after.CPU - before.CPU).Microseconds()) / float64(b.Sends)
	t.resident = float64(after.Resident) / (1 << 20)
	t.p50, t.p99, err = l.alone()
	return t, err
}

// singles are so many that a p99 of them tells something.
const singles = 1000

// alone sends attempts one by one.
func (l *line) alone() (p50, p99 float64, err error) {
	all := make([]float64, singles)
	for i := range all {
		began := time.Now()
		if err := l.pump(1); err != nil {
			return 0, 0, err
		}
		all[i] = float64(time.Since(began).Microseconds()) / 1000
	}
	slices.Sort(all)
	return all[singles/2], all[singles*99/100], nil
}

// attemptsOf makes requests of attempts that are sent again and again: gRPC has
// encoded one when Send returns.
func attemptsOf(suite conform.Suite, about *channelv1.DescribeResponse, size int) []*channelv1.DeliverRequest {
	const ring = 32
	all := make([]*channelv1.DeliverRequest, ring)
	for i := range all {
		all[i] = &channelv1.DeliverRequest{}
		for k := range size {
			a := suite.Good(i*size + k)
			conform.Complete(a, about, i*size+k)
			a.DeadlineMs = time.Now().Add(time.Hour).UnixMilli()
			all[i].Attempts = append(all[i].Attempts, a)
		}
	}
	return all
}
