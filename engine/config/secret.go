package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// SecretRef says where a secret is: `env:NAME` (an environment variable) or
// `file:/path`. A configuration holds references and never values, so that it
// can be kept and shown anywhere.
type SecretRef string

// maxSecret bounds a secret file. A key or a certificate chain is a few KiB.
const maxSecret = 64 << 10

const refForm = "must be a reference, env:NAME or file:/absolute/path, never the secret itself"

var secretRef = regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$`)

// Resolve reads the secret, anew at each call, so that a rotated one is found.
// One line end at the end of a file is not part of it. Errors name the
// reference and never a value.
func (r SecretRef) Resolve() (string, error) {
	if !r.valid() {
		return "", errors.New("a secret " + r.fault())
	}
	kind, name, _ := strings.Cut(string(r), ":")
	if kind == "env" {
		value, ok := os.LookupEnv(name)
		switch {
		case !ok:
			return "", fmt.Errorf("secret %s: the environment variable is not set; set it before the start", r)
		case value == "":
			return "", fmt.Errorf("secret %s: the environment variable is empty; set it before the start", r)
		}
		return value, nil
	}
	value, err := readSecret(name)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", r, err)
	}
	return value, nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the file can't be opened (%w); check that it is there and readable for this user", cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("the file can't be read (%w)", cause(err))
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("the file is larger than %s; name the file that holds only the secret", Size(maxSecret))
	case value == "":
		return "", errors.New("the file is empty; write the secret into it")
	}
	return value, nil
}

// cause drops the path that os puts in front: the reference shows it already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// fault says what is wrong with a reference that is not valid. What follows
// file: may be a secret that was put in its place, and is not shown.
func (r SecretRef) fault() string {
	if strings.HasPrefix(string(r), "file:") {
		return "must name its file by an absolute path, as in file:/run/secrets/key"
	}
	return refForm
}

func (r SecretRef) valid() bool {
	path, isFile := strings.CutPrefix(string(r), "file:")
	return secretRef.MatchString(string(r)) && (!isFile || filepath.IsAbs(path))
}

// String returns the reference. What is no reference may be a secret that was
// put in its place, and is not shown.
func (r SecretRef) String() string {
	if r == "" || r.valid() {
		return string(r)
	}
	return "[redacted]"
}

// GoString is String, for %#v.
func (r SecretRef) GoString() string { return r.String() }

// MarshalText is String, for encoders.
func (r SecretRef) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
