package email

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/carillonhq/carillon/sdk"
)

type example struct {
	Channels map[string]struct {
		Accounts map[string]struct {
			Settings map[string]any
			Secrets  map[string]string
		}
	}
}

// Every email account in the examples opens, and the schema takes it as well.
func TestExamples(t *testing.T) {
	sources := map[string]string{}
	for _, page := range []string{"channels/email.md", "configuration.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, fenced, _ := strings.Cut(string(text), "```yaml\n")
		sources[page], _, _ = strings.Cut(fenced, "```")
	}
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no example configuration", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[filepath.Base(file)] = string(text)
	}
	accounts := 0
	for name, text := range sources {
		var x example
		if err := yaml.Unmarshal([]byte(text), &x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for account, a := range x.Channels["email"].Accounts {
			accounts++
			opens(t, name+" "+account, a.Settings, a.Secrets)
		}
	}
	if accounts < len(sources)-1 { // bench.yaml has none
		t.Errorf("%d email accounts in the examples; is the test looking in the wrong place?", accounts)
	}
}

func opens(t *testing.T, name string, settings map[string]any, references map[string]string) {
	t.Helper()
	key, _ := signingKey(t, "ed25519")
	values := map[string]string{secretPassword: "p", secretDKIMKey: key}
	secrets := map[string]sdk.Secret{}
	for secret := range references {
		secrets[secret] = sdk.NewSecret(values[secret])
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newConfig(sdk.AccountConfig{Name: "a", Settings: text, Secrets: secrets}); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("settings.json").Validate(instance); err != nil {
		t.Errorf("%s: the schema says %v", name, err)
	}
}
