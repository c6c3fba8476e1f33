package sdktest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// Manual holds a channel's documentation against it. The files are Markdown or
// YAML. Every account of the channel in an example configuration must open with
// the given secrets, and a Markdown file must name each setting and secret in
// backquotes.
func Manual(t *testing.T, newChannel func() sdk.Channel, secrets map[string]string, files ...string) {
	t.Helper()
	p := serve(t, newChannel())
	about, err := p.Describe(soon(t), &channelv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	t.Chdir(t.TempDir()) // an example may have the channel write a file
	opened := 0
	for file, text := range texts {
		examples := []string{text}
		if strings.HasSuffix(file, ".md") {
			namesAll(t, file, text, about)
			examples = fenced(text, "yaml")
		}
		for _, example := range examples {
			opened += opensAll(t, p, about.Name, file, example, secrets)
		}
	}
	if opened == 0 {
		t.Errorf("%v: no example with an account of the channel %s", files, about.Name)
	}
}

// configuration is as much of the engine's as an account needs.
type configuration struct {
	Channels map[string]struct {
		Plugin   any
		Accounts map[string]struct {
			Settings map[string]any
			Secrets  map[string]string
		}
	}
}

func opensAll(t *testing.T, p *peer, channel, file, example string, secrets map[string]string) (opened int) {
	t.Helper()
	var c configuration
	if err := yaml.Unmarshal([]byte(example), &c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for name, x := range c.Channels {
		if x.Plugin != channel && (x.Plugin != nil || name != channel) {
			continue
		}
		for account, a := range x.Accounts {
			opened++
			given := map[string]string{}
			for secret := range a.Secrets {
				given[secret] = secrets[secret]
			}
			settings, err := json.Marshal(a.Settings)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, f := range p.configure(t, account, string(settings), given) {
				t.Errorf("%s: account %s: %s: %s", file, account, f.Path, f.Message)
			}
		}
	}
	return opened
}

func namesAll(t *testing.T, file, text string, about *channelv1.DescribeResponse) {
	t.Helper()
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(about.SettingsSchema), &schema); err != nil {
		t.Fatalf("settings schema: %v", err)
	}
	for setting := range schema.Properties {
		if !strings.Contains(text, "`"+setting+"`") {
			t.Errorf("%s does not name the setting %s", file, setting)
		}
	}
	for _, secret := range about.Secrets {
		if !strings.Contains(text, "`"+secret+"`") {
			t.Errorf("%s does not name the secret %s", file, secret)
		}
	}
}

// fenced returns the code blocks of a language in a Markdown text.
func fenced(text, language string) (blocks []string) {
	for _, part := range strings.Split(text, "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}
