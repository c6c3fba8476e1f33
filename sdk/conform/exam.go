package conform

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// startWithin is the engine's own limit of a start.
const startWithin = 15 * time.Second

// exam is one run of one check.
type exam struct {
	*Kit
	ctx context.Context
}

// running returns the plugin that runs, and starts one where none does.
func (e *exam) running() (Plugin, error) {
	if e.plugin != nil && e.plugin.Ended() == "" {
		return e.plugin, nil
	}
	e.stop()
	ctx, cancel := context.WithTimeout(e.ctx, startWithin+e.suite.Patience)
	defer cancel()
	p, err := e.target.Start(ctx)
	if err != nil {
		return nil, found("do what the engine's sentence says; docs/plugins.md tells what a start has to do", "%v", err)
	}
	e.plugin, e.opened = p, map[string]bool{}
	return p, nil
}

// soon bounds one call.
func (e *exam) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(e.ctx, e.suite.Patience)
}

// configure opens an account and returns the faults.
func (e *exam) configure(account, settings string, secrets map[string]string) ([]*channelv1.Fault, error) {
	p, err := e.running()
	if err != nil {
		return nil, err
	}
	req := &channelv1.ConfigureRequest{Account: account, Settings: []byte(settings)}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		req.Secrets = append(req.Secrets, &carillonv1.Pair{Key: name, Value: secrets[name]})
	}
	ctx, cancel := e.soon()
	defer cancel()
	res, err := p.Configure(ctx, req)
	if err != nil {
		return nil, e.callFailed("Configure", err)
	}
	return res.Faults, nil
}

// open configures an account that must work.
func (e *exam) open(account, settings string) error {
	faults, err := e.configure(account, settings, e.suite.Secrets)
	if err != nil {
		return err
	}
	for _, f := range faults {
		err = errors.Join(err, found("correct the settings that were given, or what the plugin takes", "the settings are refused: %s: %s", f.Path, f.Message))
	}
	if err == nil {
		e.opened[account] = true
	}
	return err
}

// configured returns the running plugin with the account open.
func (e *exam) configured(account string) (Plugin, error) {
	p, err := e.running()
	if err == nil && !e.opened[account] {
		err = e.open(account, e.suite.Settings)
	}
	return p, err
}

// firstToken is the first integer that a JavaScript number can't hold.
const firstToken = 1<<53 + 1

// good makes n attempts with tokens of their own.
func (k *Kit) good(n int) []*channelv1.Attempt {
	batch := make([]*channelv1.Attempt, n)
	for i := range batch {
		batch[i] = k.fresh(k.suite.Good)
	}
	return batch
}

func (k *Kit) fresh(attempt func(int) *channelv1.Attempt) *channelv1.Attempt {
	a := attempt(k.made)
	Complete(a, k.about, k.made)
	k.made++
	a.Token = uint64(k.made)
	return a
}

// batch is the most attempts in one request.
func (k *Kit) batch() int { return int(orElse(k.about.GetMaxBatch(), 128)) }

func orElse(n, otherwise uint32) uint32 {
	if n > 0 {
		return n
	}
	return otherwise
}

// Open configures an account with the settings of a suite, on a plugin that no Kit
// examines.
func Open(ctx context.Context, p Plugin, account string, s Suite) error {
	k := New(nil, s)
	k.plugin, k.opened = p, map[string]bool{}
	return (&exam{Kit: k, ctx: ctx}).open(account, s.Settings)
}
