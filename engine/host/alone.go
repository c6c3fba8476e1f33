package host

import (
	"context"
	"strconv"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/wire"
)

// Alone is a plugin that was started once, and that nobody supervises: for who
// examines or measures one. Its calls go to the plugin as they are. Its methods
// may be called from any goroutine, but Stop once.
type Alone struct {
	channelv1.ChannelClient
	s *session
}

// Start starts a plugin as the engine does, within 15 s. Its error is what the
// engine would say.
func Start(ctx context.Context, spec Spec, log zerolog.Logger) (*Alone, error) {
	s, err := start(ctx, spec, Config{}.withDefaults().StartTimeout, log.With().Str("plugin", spec.Name).Logger())
	if err != nil {
		return nil, err
	}
	return &Alone{s.channel, s}, nil
}

// PID is the process id, which may be another's once the plugin has ended.
func (a *Alone) PID() int {
	pid, _ := strconv.Atoi(a.s.proc.ID())
	return pid
}

// Health makes a gRPC health check.
func (a *Alone) Health(ctx context.Context) error { return a.s.health(ctx) }

// Ended says how it ended ("exit status 2"), or "" while it runs.
func (a *Alone) Ended() string {
	select {
	case <-a.s.proc.exited:
		how, _ := a.s.proc.ending()
		return how
	default:
		return ""
	}
}

// Stop asks the plugin to leave, as the engine does, and says how it ended.
// forced: it had to be killed.
func (a *Alone) Stop() (how string, forced bool) {
	a.s.stop()
	how = a.Ended()
	return how, how == "signal: killed" // as os.ProcessState has it
}

// Environment is what a plugin is started with, for who starts one without
// talking to it: its sockets go to dir, and the certificate is nobody's.
func Environment(dir string) ([]string, error) {
	_, certificate, err := mutualTLS()
	if err != nil {
		return nil, err
	}
	return []string{
		wire.Handshake.MagicCookieKey + "=" + wire.Handshake.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=" + strconv.Itoa(wire.Version),
		"PLUGIN_UNIX_SOCKET_DIR=" + dir,
		clientCertEnv + "=" + certificate,
	}, nil
}
