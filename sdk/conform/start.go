package conform

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

var (
	channelName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	secretName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	addressKind = regexp.MustCompile(`^(email|phone|webhook|recipient|(push|chat)\.[a-z][a-z0-9_]*)$`)
	// semver is the expression that semver.org proposes, without the groups.
	semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// starts leaves the description for all others.
func (e *exam) starts() error {
	if _, err := e.running(); err != nil {
		return err
	}
	var err error
	e.about, err = e.describe()
	return err
}

func (e *exam) describe() (*channelv1.DescribeResponse, error) {
	p, err := e.running()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.soon()
	defer cancel()
	if err := p.Health(ctx); err != nil {
		return nil, e.callFailed("health check", err)
	}
	about, err := p.Describe(ctx, &channelv1.DescribeRequest{})
	if err != nil {
		return nil, e.callFailed("Describe", err)
	}
	return about, nil
}

func (e *exam) byHand() error {
	const do = "without CARILLON_PLUGIN=channel.v1 in the environment, say that this is a plugin and exit with 1"
	ctx, cancel := e.soon()
	defer cancel()
	printed, code, err := e.target.(Process).ByHand(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return found(do, "started by hand it still ran after %s", e.suite.Patience)
	case err != nil:
		return found(do, "started by hand: %v", err)
	case code == 0:
		return found(do, "started by hand it exits with 0")
	case strings.TrimSpace(printed) == "":
		return found(do, "started by hand it exits with %d and says nothing", code)
	}
	return nil
}

func (e *exam) describes() error {
	d := e.about
	var wrong []error
	for _, x := range []struct {
		ok   bool
		rule string
	}{
		{channelName.MatchString(d.Name), "name is a lower-case word"},
		{semver.MatchString(d.Version), "version is a semantic version"},
		{addressKind.MatchString(d.AddressKind), "address kind is one of the protocol's"},
		{d.MaxPerSecond >= 0 && !math.IsInf(d.MaxPerSecond, 0), "max per second is 0 (none) or more"}, // NaN is neither
		{d.MaxConnections < 1<<31, "max connections is 0 (none that is known) or more"},
		{d.MaxBatch <= 4096, "max batch is 1 to 4096, or 0 for 128"},
		{d.DeadlineMs >= 0 && d.DeadlineMs <= 600_000, "deadline is at most 10 minutes"},
		{d.IdempotencySeconds >= 0, "lifetime of a key is not negative"},
		{len(d.Content) > 0, "content lists something"},
		{!slices.ContainsFunc(d.Content, unknownContent), "content is of title, body, html, media, actions"},
		{!slices.ContainsFunc(d.Secrets, func(s string) bool { return !secretName.MatchString(s) }), "each secret is a lower-case word"},
	} {
		if !x.ok {
			wrong = append(wrong, found("rule: "+x.rule, "the description has %s", told(d)))
		}
	}
	for name := range e.suite.Secrets {
		if !slices.Contains(d.Secrets, name) {
			wrong = append(wrong, found("list it in secrets", "the secret %q is given and not described", name))
		}
	}
	again, err := e.describe()
	if err == nil && !proto.Equal(again, d) {
		err = found("Describe depends on nothing: answer from a constant", "asked again it describes itself as %s", told(again))
	}
	return errors.Join(append(wrong, err)...)
}

func unknownContent(kind string) bool {
	return !slices.Contains([]string{"title", "body", "html", "media", "actions"}, kind)
}

// told is a description without its schema, which would fill a page.
func told(d *channelv1.DescribeResponse) string {
	short := proto.CloneOf(d)
	short.SettingsSchema = ""
	return cut(short.String())
}

// hasSchema holds the schema against what the channel takes: the engine
// validates with the one, the plugin with the other.
func (e *exam) hasSchema() error {
	const do = "describe the settings by a JSON Schema, draft 2020-12, of an object"
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(e.about.SettingsSchema))
	if err != nil {
		return found(do, "settings schema is not JSON: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("settings.json", doc); err != nil {
		return found(do, "settings schema: %v", err)
	}
	schema, err := compiler.Compile("settings.json")
	if err != nil {
		return found(do, "settings schema: %v", err)
	}
	settings := map[string]any{}
	if e.suite.Settings != "" {
		if err := json.Unmarshal([]byte(e.suite.Settings), &settings); err != nil {
			return found("give the settings as an object", "the given settings: %v", err)
		}
		given, err := jsonschema.UnmarshalJSON(strings.NewReader(e.suite.Settings))
		if err == nil {
			err = schema.Validate(given)
		}
		if err != nil {
			return found("let the schema say what the plugin takes", "the schema refuses the given settings: %v", err)
		}
	}
	settings["no_such_setting"] = true
	if schema.Validate(settings) == nil {
		return found("say additionalProperties: false", "the schema takes an unknown setting")
	}
	return nil
}
