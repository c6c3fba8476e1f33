package conform

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// base is the given settings, or none.
func (k *Kit) base() string {
	if k.suite.Settings == "" {
		return "{}"
	}
	return k.suite.Settings
}

// refuses holds what every channel refuses, and what the suite names.
func (e *exam) refuses() error {
	var settings map[string]any
	if err := json.Unmarshal([]byte(e.base()), &settings); err != nil {
		return found("give the settings as an object", "the given settings: %v", err)
	}
	settings["no_such_setting"] = true
	unknown, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	misspelt := map[string]string{"no_such_secret": e.secretValue("no_such_secret")}
	maps.Copy(misspelt, e.suite.Secrets)
	refused := append([]Refusal{
		{Settings: e.base(), Secrets: misspelt, Path: "secrets.no_such_secret"},
		{Settings: string(unknown), Path: "no_such_setting"},
		{Settings: `[]`, Path: ""},
	}, e.suite.Refused...)
	var wrong []error
	for _, r := range refused {
		secrets := e.suite.Secrets
		if r.Secrets != nil {
			secrets = r.Secrets
		}
		faults, err := e.configure("refused", r.Settings, secrets)
		if err != nil { // the others would not fare better
			return errors.Join(append(wrong, err)...)
		}
		if err := isRefused(r, faults, secrets); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func isRefused(r Refusal, faults []*channelv1.Fault, secrets map[string]string) error {
	if !slices.ContainsFunc(faults, func(f *channelv1.Fault) bool { return f.Path == r.Path && f.Message != "" }) {
		return found("refuse it in Configure, with a fault that has the setting's path and says what to do",
			"%s: faults %v, want one at %q", given(r), faults, r.Path)
	}
	for _, f := range faults {
		for name, value := range secrets {
			if len(value) >= 4 && strings.Contains(f.String(), value) {
				return found("name the secret, and never its value", "a fault shows the secret %s", name)
			}
		}
	}
	return nil
}

func given(r Refusal) string {
	if name, ok := strings.CutPrefix(r.Path, "secrets."); ok {
		return fmt.Sprintf("an account with the secret %s as it must not be", name)
	}
	return "settings " + cut(r.Settings)
}

// takesNoHugeSettings gives what no engine gives but one that is misused.
func (e *exam) takesNoHugeSettings() error {
	for name, settings := range map[string]string{
		"a value of 1 MiB":      `{"no_such_setting": "` + strings.Repeat("x", 1<<20) + `"}`,
		"10,000 nested arrays":  `{"no_such_setting": ` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		"no JSON":               `{"no_such_setting": `,
		"bytes that are no UTF": "{\"no_such_setting\": \"\xff\xfe\"}",
	} {
		faults, err := e.configure("refused", settings, nil)
		if err == nil && len(faults) == 0 {
			err = found("refuse settings that are unknown or no JSON", "an account is opened")
		}
		if err != nil {
			return prefixed(name, err)
		}
	}
	if _, err := e.describe(); err != nil {
		return prefixed("afterwards", err)
	}
	return nil
}

// prefixed says of each finding what it was about.
func prefixed(what string, err error) error {
	var all []error
	for _, f := range findings(err) {
		all = append(all, &Finding{Got: what + ": " + f.Got, Do: f.Do})
	}
	return errors.Join(all...)
}

// secretValue is a value that is looked for in all that the plugin says.
func (k *Kit) secretValue(name string) string {
	k.canary[name] = "canary-of-" + name + "-5e1f"
	return k.canary[name]
}

// showsNoSecret gives values that are no secrets of the right form.
func (e *exam) showsNoSecret() error {
	wrong := map[string]string{}
	for _, name := range e.about.Secrets {
		wrong[name] = e.secretValue(name) + "\x00-7b0c"
	}
	faults, err := e.configure("refused", e.base(), wrong)
	text := fmt.Sprint(faults, err)
	for name := range wrong {
		if strings.Contains(text, e.canary[name]) || strings.Contains(text, "-7b0c") {
			return found("name the secret, and never its value", "the answer to a wrong secret shows the value of %s", name)
		}
	}
	if f := (*Finding)(nil); errors.As(err, &f) && strings.Contains(f.Got, "it answers with the error") {
		return nil // an account may fail to open
	}
	return err
}

func (e *exam) refusesUnknownAccount() error {
	const do = "end the stream with NOT_FOUND"
	p, err := e.running()
	if err != nil {
		return err
	}
	s, err := e.bare(p, "nobody", false)
	if err != nil {
		return err
	}
	defer s.cancel()
	_, err = s.next("an error")
	switch code := status.Code(err); {
	case err == nil:
		return found(do, "it answers on a stream to an account that was never configured")
	case code == codes.NotFound:
		return nil
	case code == codes.Unavailable, code == codes.Unimplemented:
		return s.broke("Deliver", err)
	}
	if f := (*Finding)(nil); errors.As(err, &f) {
		return found(do, "a stream to an account that was never configured: nothing came within %s", e.suite.Patience)
	}
	return found(do, "a stream to an account that was never configured ends with %s", status.Code(err))
}

func (e *exam) opensAccount() error { return e.open("a", e.suite.Settings) }
