// Package sink is a channel for tests and benches: it sends nothing, answers as
// its settings say, and can keep a ledger of every attempt that reached it.
package sink

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

//go:embed settings.schema.json
var settingsSchema string

// New returns the channel.
func New() sdk.Channel { return channel{} }

type channel struct{}

// Describe does not say that the sink is idempotent: its ledger is there to
// show what was sent twice.
func (channel) Describe() sdk.Description {
	return sdk.Description{
		Name: "sink", Version: "0.1.0",
		Content:     []string{"title", "body", "html", "media", "actions"},
		AddressKind: "recipient",
		MaxBatch:    1024, MaxOpen: 16384,
		SettingsSchema: settingsSchema,
	}
}

type settings struct {
	Latency       sdk.Duration `json:"latency"`
	LatencyJitter sdk.Duration `json:"latency_jitter"`
	Failures      float64      `json:"failures"`
	Throttles     float64      `json:"throttles"`
	RetryAfter    sdk.Duration `json:"retry_after"`
	Rejects       float64      `json:"rejects"`
	Unknowns      float64      `json:"unknowns"`
	Seed          uint64       `json:"seed"`
	Ledger        string       `json:"ledger"`
	RefusedWhile  string       `json:"refused_while"`
}

func (s *settings) check() error {
	var f sdk.Faults
	for path, d := range map[string]sdk.Duration{
		"latency": s.Latency, "latency_jitter": s.LatencyJitter, "retry_after": s.RetryAfter,
	} {
		f.Add(d >= 0 && time.Duration(d) <= time.Hour, path, "must be 0s to 1h")
	}
	for path, share := range map[string]float64{
		"failures": s.Failures, "throttles": s.Throttles, "rejects": s.Rejects, "unknowns": s.Unknowns,
	} {
		f.Add(share >= 0 && share <= 1, path, "is a share, 0 to 1")
	}
	sum := s.Failures + s.Throttles + s.Rejects + s.Unknowns
	f.Add(sum <= 1+1e-9, "failures", "with throttles, rejects and unknowns, must not be more than 1")
	return f.Err()
}

func (channel) Open(_ context.Context, cfg sdk.AccountConfig) (sdk.Account, error) {
	s := settings{RetryAfter: sdk.Duration(time.Second)}
	if err := cfg.Decode(&s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &account{script: newScript(s), refusedWhile: s.RefusedWhile}
	if s.Ledger == "" {
		return a, nil
	}
	ledger, err := openLedger(s.Ledger)
	if err != nil {
		return nil, sdk.Faults{{Path: "ledger", Problem: fmt.Sprintf("can't be written: %v", err)}}
	}
	a.ledger = ledger
	return a, nil
}
