package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const canary = "c4n4ry-s3cr3t"

func TestSecretResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) SecretRef {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return SecretRef("file:" + path)
	}
	t.Setenv("CARILLON_TEST_SECRET", canary)
	t.Setenv("CARILLON_TEST_EMPTY", "")
	for name, x := range map[string]struct {
		ref         SecretRef
		want, fault string
	}{
		"environment":           {ref: "env:CARILLON_TEST_SECRET", want: canary},
		"file":                  {ref: write("plain", canary), want: canary},
		"line end is no part":   {ref: write("line", canary+"\n"), want: canary},
		"nor that of Windows":   {ref: write("crlf", canary+"\r\n"), want: canary},
		"inner lines are":       {ref: write("pem", "a\nb\n\n"), want: "a\nb\n"},
		"unset":                 {ref: "env:CARILLON_TEST_UNSET", fault: "secret env:CARILLON_TEST_UNSET: the environment variable is not set; set it before the start"},
		"empty variable":        {ref: "env:CARILLON_TEST_EMPTY", fault: "secret env:CARILLON_TEST_EMPTY: the environment variable is empty; set it before the start"},
		"no file":               {ref: "file:/none/such", fault: "secret file:/none/such: the file can't be opened (no such file or directory); check that it is there and readable for this user"},
		"empty file":            {ref: write("empty", "\n"), fault: "the file is empty; write the secret into it"},
		"a file that is not it": {ref: write("large", strings.Repeat("x", maxSecret+1)), fault: "the file is larger than 64KiB; name the file that holds only the secret"},
		"a directory":           {ref: SecretRef("file:" + dir), fault: "the file can't be read (is a directory)"},
		"literal":               {ref: canary, fault: "a secret must be a reference, env:NAME or file:/absolute/path, never the secret itself"},
		"relative file":         {ref: "file:key.pem", fault: "a secret must name its file by an absolute path, as in file:/run/secrets/key"},
		"none":                  {ref: "", fault: "a secret must be a reference, env:NAME or file:/absolute/path, never the secret itself"},
	} {
		got, err := x.ref.Resolve()
		if got != x.want || (err == nil) != (x.fault == "") {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if err != nil && (!strings.HasSuffix(err.Error(), x.fault) || strings.Contains(err.Error(), canary)) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, x.fault)
		}
	}
}

// A secret in the place of a reference, or anywhere else in a faulty file, is
// shown nowhere.
func TestSecretNeverShown(t *testing.T) {
	for _, text := range []string{
		"kafka: {sasl: {mechanism: plain, username: u, password: " + canary + "}}",
		"kafka: {sasl: {mechanism: plain, username: u, password: [" + canary + "]}}",
		"kafka: {sasl: {mechanism: plain, username: u, password: {value: " + canary + "}}}",
		"kafka: {sasl: {mechanism: plain, username: u, pasword: " + canary + "}}",
		"kafka: {sasl: {mechanism: plain, username: u, password: *" + canary + "}}",
		"kafka: {sasl: {mechanism: plain, username: u, password: !" + canary + "}}",
		"kafka: {sasl: {mechanism: plain, username: u, password: file:" + canary + "}}",
		"channels: {sink: {accounts: {a: {secrets: {key: " + canary + "}}}}}",
		"channels: {sink: {accounts: {a: {secrets: " + canary + "}}}}",
		"channels: {sink: {accounts: {a: {secrets: [" + canary + "]}}}}",
	} {
		_, err := Parse([]byte(text), "x.yaml")
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", text, err)
		}
	}
	account := Account{Secrets: map[string]SecretRef{"key": canary}}
	data, err := json.Marshal(account)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", account, account, account, account.Secrets["key"], account.Secrets["key"]), string(data)} {
		if strings.Contains(shown, canary) {
			t.Errorf("shown: %s", shown)
		}
	}
	if got := fmt.Sprint(SecretRef("env:NAME")); got != "env:NAME" {
		t.Errorf("a reference is shown as %s", got)
	}
}

func TestResolveSecrets(t *testing.T) {
	t.Setenv("CARILLON_TEST_SECRET", canary)
	account := Account{Secrets: map[string]SecretRef{"key": "env:CARILLON_TEST_SECRET"}}
	secrets, err := account.ResolveSecrets()
	if err != nil || secrets["key"].Reveal() != canary || strings.Contains(fmt.Sprintf("%+v %#v", secrets, secrets), canary) {
		t.Errorf("%+v %v", secrets, err)
	}
	account.Secrets["b"], account.Secrets["c"] = "env:CARILLON_TEST_B", "env:CARILLON_TEST_C"
	_, err = account.ResolveSecrets()
	if err == nil || !strings.Contains(err.Error(), "_B") || !strings.Contains(err.Error(), "_C") {
		t.Errorf("both faults: %v", err)
	}
}

// All references that lead nowhere are named at once, with their places.
func TestCheckSecrets(t *testing.T) {
	c, err := Parse([]byte(`kafka: {sasl: {mechanism: plain, username: u, password: env:CARILLON_TEST_A}}
channels: {sink: {accounts: {a: {secrets: {key: env:CARILLON_TEST_B}}}}}`), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := `x.yaml: 2 faults
  kafka.sasl.password (line 1): secret env:CARILLON_TEST_A: the environment variable is not set; set it before the start
  channels.sink.accounts.a.secrets.key (line 2): secret env:CARILLON_TEST_B: the environment variable is not set; set it before the start`
	if err := c.CheckSecrets(); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}
