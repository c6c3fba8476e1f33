package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// executable is what a start runs: file is opened, path is shown.
type executable struct {
	path, file string
}

// executable finds the program and compares its checksum. Every error is a
// FatalError.
//
// The file must not be writable by others: between this check and the start it
// could be replaced.
func (s Spec) executable() (executable, error) {
	if s.Path == "" {
		path, err := os.Executable()
		if err != nil {
			return executable{}, s.fatalf("find the running carillon binary: %v; start carillon by its full path", err)
		}
		file, err := ownBinary(path)
		if err != nil {
			return executable{}, s.fatalf("%v", err)
		}
		return executable{path: path, file: file}, nil
	}
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return executable{}, s.fatalf("%v; set channels.%s.plugin.path to a full path", err, s.Name)
	}
	setting := fmt.Sprintf("channels.%s.plugin.sha256", s.Name)
	if sum, err := hex.DecodeString(s.SHA256); err != nil || len(sum) != sha256.Size {
		return executable{}, s.fatalf("%s must be the SHA-256 of the file, 64 hex digits (sha256sum prints it)", setting)
	}
	sum, err := Checksum(path)
	if err != nil {
		return executable{}, s.fatalf("read the file for its checksum: %v; check channels.%s.plugin.path", err, s.Name)
	}
	if !strings.EqualFold(sum, s.SHA256) {
		return executable{}, s.fatalf("its SHA-256 is %s, the configuration says %s; check the file, then set %s", sum, s.SHA256, setting)
	}
	return executable{path: path, file: path}, nil
}

// Checksum is the SHA-256 of a file in hex, as a Spec has it.
func Checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// shownPath is the path for people, also where it can't be found.
func (s Spec) shownPath() string {
	if s.Path != "" {
		return s.Path
	}
	path, _ := os.Executable()
	return path
}

// label names the plugin in errors: plugin "sms" (/opt/sms).
func (s Spec) label() string {
	if s.Path == "" {
		return fmt.Sprintf("plugin %q", s.Name)
	}
	return fmt.Sprintf("plugin %q (%s)", s.Name, s.Path)
}

func (s Spec) errorf(format string, args ...any) error {
	return fmt.Errorf(s.label()+": "+format, args...)
}

func (s Spec) fatalf(format string, args ...any) *FatalError {
	return &FatalError{Name: s.Name, Problem: s.errorf(format, args...).Error()}
}
