package sdktest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// broken are channels with one bug each, and what Conform says of them.
var broken = map[string]struct {
	channel func() sdk.Channel
	says    string
}{
	"name in upper case": {described(func(d *sdk.Description) { d.Name = "Double" }), "name is a lower-case word"},
	"version":            {described(func(d *sdk.Description) { d.Version = "v1" }), "version is a semantic version"},
	"address kind":       {described(func(d *sdk.Description) { d.AddressKind = "pigeon" }), "address kind is one of the protocol's"},
	"no schema":          {described(func(d *sdk.Description) { d.SettingsSchema = "" }), "settings schema is not JSON"},
	"open schema":        {described(func(d *sdk.Description) { d.SettingsSchema = `{}` }), "the schema takes an unknown setting"},
	"wrong schema":       {described(func(d *sdk.Description) { d.SettingsSchema = `{"type": "thing"}` }), "settings schema:"},
	"takes any setting": {func() sdk.Channel { return careless{&double{deliver: accept}} },
		`want one at "no_such_setting"`},
	"shows a secret": {func() sdk.Channel { return talkative{&double{deliver: accept}} }, "the answer to a wrong secret shows"},
	"forgets":        {delivering(func(context.Context, *sdk.Batch) {}), `is "unknown unanswered"`},
	"panics": {delivering(func(_ context.Context, b *sdk.Batch) {
		for i, a := range b.Attempts {
			_ = a.Content.Title // nil in a bare attempt
			b.Reply(i, sdk.Accepted(""))
		}
	}), "the channel panics"},
	"shows the address": {delivering(func(_ context.Context, b *sdk.Batch) {
		for i, a := range b.Attempts {
			b.Reply(i, sdk.Failed("no "+a.Address.GetValue()))
		}
	}), "code shows the address"},
	"class without a rejection": {delivering(func(_ context.Context, b *sdk.Batch) {
		for i := range b.Attempts {
			b.Reply(i, sdk.Rejected(0, "x"))
		}
	}), "a rejection without a class"},
	"leaves a goroutine": {delivering(func(ctx context.Context, b *sdk.Batch) {
		accept(ctx, b)
		go func() { time.Sleep(time.Hour) }()
	}), "still runs after Close"},
}

func described(change func(*sdk.Description)) func() sdk.Channel {
	return func() sdk.Channel { return redescribed{&double{deliver: accept}, change} }
}

func delivering(deliver func(context.Context, *sdk.Batch)) func() sdk.Channel {
	return func() sdk.Channel { return &double{deliver: deliver} }
}

type redescribed struct {
	*double
	change func(*sdk.Description)
}

func (r redescribed) Describe() sdk.Description {
	d := r.double.Describe()
	d.Secrets = []string{"key"}
	r.change(&d)
	return d
}

// careless ignores its settings.
type careless struct{ *double }

func (c careless) Open(ctx context.Context, _ sdk.AccountConfig) (sdk.Account, error) {
	return c.double.Open(ctx, sdk.AccountConfig{})
}

// talkative shows the secret that it refuses.
type talkative struct{ *double }

func (c talkative) Describe() sdk.Description {
	d := c.double.Describe()
	d.Secrets = []string{"key"}
	return d
}

func (talkative) Open(_ context.Context, cfg sdk.AccountConfig) (sdk.Account, error) {
	return nil, sdk.Faults{{Path: "secrets.key", Problem: cfg.Secrets["key"].Reveal() + " is wrong"}}
}

// TestConformNotices runs Conform on each broken channel, in a process of its
// own since it must fail, and on one that is not broken.
func TestConformNotices(t *testing.T) {
	for name, x := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passed, out := conformIn(t, name)
			if passed || !strings.Contains(out, x.says) {
				t.Errorf("Conform passed: %v, want it to fail with %q:\n%s", passed, x.says, out)
			}
		})
	}
	t.Run("not broken", func(t *testing.T) {
		if passed, out := conformIn(t, "not broken"); !passed {
			t.Errorf("Conform fails:\n%s", out)
		}
	})
}

func conformIn(t *testing.T, name string) (passed bool, out string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConformOne$")
	child.Env = append(os.Environ(), "SDKTEST_BROKEN="+name)
	text, err := child.CombinedOutput()
	return err == nil, string(text)
}

// TestConformOne is what TestConformNotices runs.
func TestConformOne(t *testing.T) {
	name := os.Getenv("SDKTEST_BROKEN")
	if name == "" {
		return
	}
	newChannel := delivering(accept)
	if x, ok := broken[name]; ok {
		newChannel = x.channel
	}
	s := Suite{Settings: `{}`, Good: func(i int) *sdk.Attempt { return Attempt(i) }}
	if name == "shows a secret" {
		s.Secrets = map[string]string{"key": "hunter2"}
	}
	Conform(t, newChannel, s)
}
