// Package webhook is the channel that posts messages to HTTP endpoints, signed
// by Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks).
package webhook

import (
	"context"
	_ "embed"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// maxBatch is small, as each attempt is a request of its own.
const maxBatch = 64

//go:embed settings.schema.json
var settingsSchema string

// New returns the channel.
func New() sdk.Channel { return channel{} }

type channel struct{}

// Describe says that a receiver does nothing twice for the same webhook-id,
// which the specification asks of it. How long it remembers one is nowhere
// said; a day is what the engine itself promises its producers.
func (channel) Describe() sdk.Description {
	return sdk.Description{
		Name: "webhook", Version: "0.1.0",
		Content:     []string{"title", "body", "html", "media", "actions"},
		AddressKind: "webhook",
		MaxBatch:    maxBatch, MaxOpen: 512,
		Idempotent: true, Lifetime: 24 * time.Hour,
		Deadline:       maxTimeout + 5*time.Second,
		SettingsSchema: settingsSchema,
		Secrets:        []string{"signing_key", "signing_key_previous"},
	}
}

func (channel) Open(_ context.Context, cfg sdk.AccountConfig) (sdk.Account, error) {
	s := defaults()
	if err := cfg.Decode(&s); err != nil {
		return nil, err
	}
	guard, faults := s.check()
	keys := openKeys(cfg.Secrets, &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return newAccount(s, guard, keys), nil
}
