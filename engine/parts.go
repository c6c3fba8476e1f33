package engine

import (
	"context"
	"net"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
)

// parts are where a node touches the world. New takes the real ones; a test
// that runs nodes on virtual time puts a network, a disk and channels of its
// own in their place.
type parts struct {
	dial    dialer // to Kafka; nil is TCP
	ledger  func(ledger.Config, zerolog.Logger) (*ledger.Ledger, error)
	channel func(name string, ch config.Channel) (channel, error)
	http    bool // the operator's port
	files   bool // the data directory is one of the operating system's
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// channel is one channel's plugin, as *host.Plugin has it.
type channel interface {
	lane.Channel
	Run(context.Context) error
	Ready() <-chan struct{}
	State() host.State
}

func realParts(nodes int, log zerolog.Logger) parts {
	return parts{
		ledger: ledger.Open,
		channel: func(name string, ch config.Channel) (channel, error) {
			spec, err := PluginSpec(name, ch, nodes)
			if err != nil {
				return nil, err
			}
			return host.New(spec, host.Config{}, log), nil
		},
		http: true, files: true,
	}
}
