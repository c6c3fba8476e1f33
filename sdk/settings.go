package sdk

import "strings"

// AccountConfig is what an account is opened with.
type AccountConfig struct {
	// Name is the account's name in the engine's configuration.
	Name string
	// Settings is a JSON object that follows Description.SettingsSchema.
	Settings []byte
	// Secrets holds the resolved secrets by name.
	Secrets map[string]Secret
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
