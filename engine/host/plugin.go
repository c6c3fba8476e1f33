package host

import (
	"context"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Plugin is one supervised plugin process. Its methods may be called from any
// goroutine.
type Plugin struct {
	spec  Spec
	cfg   Config
	log   zerolog.Logger
	ready chan struct{}
}

// New prepares a plugin. Run starts it.
func New(spec Spec, cfg Config, log zerolog.Logger) *Plugin {
	return &Plugin{spec: spec, cfg: cfg.withDefaults(), log: log, ready: make(chan struct{})}
}

// Run starts the plugin and supervises it until ctx ends.
func (p *Plugin) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Ready is closed when the plugin became ready for the first time.
func (p *Plugin) Ready() <-chan struct{} { return p.ready }

// Describe waits until the plugin has described itself and returns that.
func (p *Plugin) Describe(ctx context.Context) (*channelv1.DescribeResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Deliver waits until the plugin is up and opens a stream to the account.
func (p *Plugin) Deliver(ctx context.Context, account string) (Stream, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// State returns what is known of the plugin now.
func (p *Plugin) State() State { return State{Name: p.spec.Name, Path: p.spec.Path} }

// Health checks the plugin over gRPC.
func (p *Plugin) Health(ctx context.Context) error { return ctx.Err() }

// Probe starts the plugin once, describes and configures it, and stops it.
func Probe(ctx context.Context, spec Spec, log zerolog.Logger) (*channelv1.DescribeResponse, []Fault, error) {
	return nil, nil, ctx.Err()
}
