package host

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Probe starts the plugin once, describes and configures it, and stops it:
// `config check` and `plugin list` without an engine. The settings' faults come
// back as such, with what the plugin is; err is anything else.
func Probe(ctx context.Context, spec Spec, log zerolog.Logger) (*channelv1.DescribeResponse, []Fault, error) {
	s, err := start(ctx, spec, Config{}.withDefaults().StartTimeout, log.With().Str("plugin", spec.Name).Logger())
	if err == nil {
		s.stop()
	}
	var fatal *FatalError
	if errors.As(err, &fatal) && len(fatal.Faults) > 0 {
		return s.about, fatal.Faults, nil
	}
	return s.about, nil, err
}
