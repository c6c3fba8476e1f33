package sdk_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

// tannoy is a whole channel: it has texts read out by the loudspeaker of a
// room. The main function of its plugin is
//
//	func main() { sdk.Serve(newTannoy) }
type tannoy struct{}

func newTannoy() sdk.Channel { return tannoy{} }

func (tannoy) Describe() sdk.Description {
	return sdk.Description{
		Name: "tannoy", Version: "1.0.0",
		Content: []string{"body"}, AddressKind: "chat.tannoy", MaxBatch: 16,
		Secrets: []string{"key"},
		SettingsSchema: `{
			"$schema": "https://json-schema.org/draft/2020-12/schema",
			"type": "object",
			"properties": {"volume": {"type": "integer", "minimum": 1, "maximum": 11}},
			"additionalProperties": false
		}`,
	}
}

type tannoySettings struct {
	Volume int `json:"volume"`
}

func (tannoy) Open(_ context.Context, cfg sdk.AccountConfig) (sdk.Account, error) {
	settings := tannoySettings{Volume: 5}
	if err := cfg.Decode(&settings); err != nil {
		return nil, err
	}
	var faults sdk.Faults
	faults.Add(settings.Volume >= 1 && settings.Volume <= 11, "volume", "must be 1 to 11")
	faults.Add(cfg.Secrets["key"].Reveal() != "", "secrets.key", "is needed; the caretaker has it")
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return &loudspeaker{settings: settings}, nil
}

type loudspeaker struct {
	settings tannoySettings
	spoken   atomic.Int64
}

// Deliver lets sdk.Each call speak for each attempt, two at a time.
func (l *loudspeaker) Deliver(ctx context.Context, b *sdk.Batch) { sdk.Each(ctx, b, 2, l.speak) }

func (l *loudspeaker) speak(_ context.Context, a *sdk.Attempt) sdk.Verdict {
	switch {
	case a.Content.GetBody() == "":
		return sdk.Rejected(sdk.Message, "no_text")
	case a.Address.GetValue() == "cellar":
		return sdk.Rejected(sdk.Recipient, "no_loudspeaker")
	}
	return sdk.Delivered(fmt.Sprintf("announcement-%d", l.spoken.Add(1)))
}

func (*loudspeaker) Close() error { return nil }

// Example shows what the engine does with a channel: it opens an account and
// gives it batches. See the source of this file for the channel itself.
func Example() {
	account, err := newTannoy().Open(context.Background(), sdk.AccountConfig{
		Name:     "ground floor",
		Settings: []byte(`{"volume": 3}`),
		Secrets:  map[string]sdk.Secret{"key": sdk.NewSecret("hunter2")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := []*sdk.Attempt{
		{Address: &channelv1.Address{Value: "hall"}, Content: &carillonv1.Content{Body: "Tea is ready."}},
		{Address: &channelv1.Address{Value: "cellar"}, Content: &carillonv1.Content{Body: "Tea is ready."}},
	}
	verdicts := make([]sdk.Verdict, len(batch))
	account.Deliver(context.Background(), sdk.NewBatch(batch, func(i int, v sdk.Verdict) { verdicts[i] = v }))
	fmt.Println(verdicts[0], verdicts[0].ProviderID())
	fmt.Println(verdicts[1])

	_, err = newTannoy().Open(context.Background(), sdk.AccountConfig{Settings: []byte(`{"volume": 12, "tone": 1}`)})
	fmt.Println(err)
	// Output:
	// delivered announcement-1
	// rejected recipient no_loudspeaker
	// tone: is no setting of this channel; known here: volume
}

// TestConform is the test that every channel should have.
func TestConform(t *testing.T) {
	sdktest.Conform(t, newTannoy, sdktest.Suite{
		Settings: `{"volume": 3}`,
		Secrets:  map[string]string{"key": "hunter2"},
		Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i, sdktest.To("hall")) },
		Refused: []sdktest.Refusal{
			{Settings: `{"volume": 12}`, Path: "volume"},
			{Settings: `{"volume": "loud"}`, Path: "volume"},
			{Settings: `{}`, Secrets: map[string]string{}, Path: "secrets.key"},
		},
		Cases: []sdktest.Case{
			{Name: "there", Attempt: sdktest.Attempt(0, sdktest.To("hall")), Want: "delivered"},
			{Name: "not there", Attempt: sdktest.Attempt(0, sdktest.To("cellar")), Want: "rejected recipient no_loudspeaker"},
		},
	})
}
