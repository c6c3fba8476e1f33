package sdktest

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

var (
	channelName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	secretName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	addressKind = regexp.MustCompile(`^(email|phone|webhook|recipient|(push|chat)\.[a-z][a-z0-9_]*)$`)
	// semver is the expression that semver.org proposes, without the groups.
	semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

func (c *conformance) describes(t *testing.T) {
	d, err := serve(t, c.newChannel()).Describe(soon(t), &channelv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		ok   bool
		rule string
	}{
		{channelName.MatchString(d.Name), "name is a lower-case word"},
		{semver.MatchString(d.Version), "version is a semantic version"},
		{addressKind.MatchString(d.AddressKind), "address kind is one of the protocol's"},
		{d.MaxPerSecond >= 0 && !math.IsInf(d.MaxPerSecond, 0), "max per second is 0 (none) or more"}, // NaN is neither
		{d.MaxBatch >= 1 && d.MaxBatch <= 4096, "max batch is 1 to 4096"},
		{d.DeadlineMs >= 0 && d.DeadlineMs <= 600_000, "deadline is at most 10 minutes"},
		{d.IdempotencySeconds >= 0, "lifetime of a key is not negative"},
		{len(d.Content) > 0, "content lists something"},
	} {
		if !x.ok {
			t.Errorf("description %v: %s", d, x.rule)
		}
	}
	for _, kind := range d.Content {
		if !slices.Contains([]string{"title", "body", "html", "media", "actions"}, kind) {
			t.Errorf("content %q is none of the protocol's", kind)
		}
	}
	for _, name := range d.Secrets {
		if !secretName.MatchString(name) {
			t.Errorf("secret %q is no lower-case word", name)
		}
	}
	for name := range c.suite.Secrets {
		if !slices.Contains(d.Secrets, name) {
			t.Errorf("secret %q is used and not described", name)
		}
	}
	c.checksSchema(t, d.SettingsSchema)
}

// checksSchema holds the schema against what the channel takes: the engine
// validates with the one, the plugin with the other.
func (c *conformance) checksSchema(t *testing.T, text string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("settings schema is not JSON: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("settings.json")
	if err != nil {
		t.Fatalf("settings schema: %v", err)
	}
	settings, err := jsonschema.UnmarshalJSON(strings.NewReader(c.suite.Settings))
	if err != nil {
		t.Fatalf("Suite.Settings: %v", err)
	}
	if err := schema.Validate(settings); err != nil {
		t.Errorf("the schema refuses Suite.Settings: %v", err)
	}
	settings.(map[string]any)["no_such_setting"] = true
	if schema.Validate(settings) == nil {
		t.Error("the schema takes an unknown setting; say additionalProperties: false")
	}
}

func (c *conformance) checksSettings(t *testing.T) {
	p := serve(t, c.newChannel())
	if faults := p.configure(t, "a", c.suite.Settings, c.suite.Secrets); len(faults) > 0 {
		t.Fatalf("Suite.Settings are refused: %v", faults)
	}
	var settings map[string]any
	if err := json.Unmarshal([]byte(c.suite.Settings), &settings); err != nil {
		t.Fatal(err)
	}
	settings["no_such_setting"] = true
	unknown, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	misspelt := map[string]string{"no_such_secret": "hunter2"}
	maps.Copy(misspelt, c.suite.Secrets)
	refused := append([]Refusal{
		{Settings: c.suite.Settings, Secrets: misspelt, Path: "secrets.no_such_secret"},
		{Settings: string(unknown), Path: "no_such_setting"},
		{Settings: `[]`, Path: ""},
	}, c.suite.Refused...)
	for _, r := range refused {
		secrets := c.suite.Secrets
		if r.Secrets != nil {
			secrets = r.Secrets
		}
		faults := p.configure(t, "a", r.Settings, secrets)
		if !slices.ContainsFunc(faults, func(f *channelv1.Fault) bool { return f.Path == r.Path && f.Message != "" }) {
			t.Errorf("settings %s: faults %v, want one at %q", r.Settings, faults, r.Path)
		}
		for _, f := range faults {
			noneShown(t, f.String(), secrets)
		}
	}
	allSent(t, p.deliver(t, "a").answers(t, c.good(1))) // a refusal leaves the account as it was
}

// showsNoSecret gives values that are no secrets of the right form.
func (c *conformance) showsNoSecret(t *testing.T) {
	wrong := map[string]string{}
	for name := range c.suite.Secrets {
		wrong[name] = "canary-of-" + name + "-\x00-5e1f"
	}
	res, err := serve(t, c.newChannel()).Configure(soon(t), configureRequest("a", c.suite.Settings, wrong))
	for _, value := range wrong {
		for part := range strings.SplitSeq(value, "\x00") {
			if strings.Contains(res.String()+errorText(err), part) {
				t.Errorf("the answer to a wrong secret shows %q", part)
			}
		}
	}
}

func noneShown(t *testing.T, text string, secrets map[string]string) {
	t.Helper()
	for name, value := range secrets {
		if len(value) >= 4 && strings.Contains(text, value) {
			t.Errorf("a fault shows the secret %s", name)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
