package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// AccountConfig is what an account is opened with.
type AccountConfig struct {
	// Name is the account's name in the engine's configuration.
	Name string
	// Settings is a JSON object that follows Description.SettingsSchema.
	Settings []byte
	// Secrets holds the resolved secrets by name.
	Secrets map[string]Secret
}

// Decode reads the settings into a struct with json tags. An unknown setting
// or a wrong type is a Faults error.
func (c AccountConfig) Decode(into any) error {
	if len(bytes.TrimSpace(c.Settings)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(c.Settings))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return Faults{{wrongType.Field, fmt.Sprintf("is a %s, must be a %s", wrongType.Value, wrongType.Type)}}
	default:
		if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return Faults{{strings.Trim(name, `"`), "is no setting of this channel"}}
		}
		return Faults{{"", err.Error()}}
	}
}

// Fault is one thing wrong in the settings.
type Fault struct {
	// Path names the setting: "tls.mode".
	Path string
	// Problem says what is wrong and what to do, and never shows a secret.
	Problem string
}

// Faults is the error of Channel.Open for wrong settings.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = strings.TrimPrefix(x.Path+": "+x.Problem, ": ")
	}
	return strings.Join(lines, "; ")
}

// Add records a fault where ok is false.
func (f *Faults) Add(ok bool, path, problem string) {
	if !ok {
		*f = append(*f, Fault{path, problem})
	}
}

// Err returns the faults as an error, or nil where there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Secret is a value that never shows itself: every way of printing or
// marshalling it gives "[redacted]".
type Secret string

const redacted = "[redacted]"

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
