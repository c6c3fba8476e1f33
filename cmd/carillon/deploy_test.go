package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/config"
)

// What the systemd unit and the container file say of the command, its times and
// its directories is so.

const (
	unitFile      = repository + "/configs/systemd/carillon.service"
	containerFile = repository + "/configs/container/Dockerfile"
	production    = repository + "/configs/production.yaml"
)

// settings are the lines KEY=VALUE of a unit, by key.
func unitSettings(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(text(t, unitFile)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(line, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestUnit(t *testing.T) {
	unit, cfg := unitSettings(t), shipped(t)
	for _, line := range append(unit["ExecStart"], unit["ExecStartPre"]...) {
		args := strings.Fields(line)
		if args[0] != "/usr/local/bin/carillon" {
			t.Errorf("%s is not where it is installed", args[0])
		}
		if err := known(newRoot(), args[1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"][0])
	if least := cfg.Engine.DrainTimeout + 10*time.Second; err != nil || stop < least {
		t.Errorf("TimeoutStopSec is %v (%v), and engine.drain_timeout wants %v", stop, err, least)
	}
	if got := "/var/lib/" + unit["StateDirectory"][0]; got != cfg.Data {
		t.Errorf("the state directory is %s, and configs/production.yaml has %s", got, cfg.Data)
	}
	// A process collector that can't read /proc/stat has no start time, and an
	// alert goes by that.
	if slices.Contains(unit["ProcSubset"], "pid") {
		t.Error("ProcSubset=pid hides what the metrics of the process are read from")
	}
}

func TestContainerFile(t *testing.T) {
	file, cfg := text(t, containerFile), shipped(t)
	for _, m := range regexp.MustCompile(`(?m)^\s*(ENTRYPOINT|CMD) (\[.*\])$`).FindAllStringSubmatch(file, -1) {
		var args []string
		if err := json.Unmarshal([]byte(m[2]), &args); err != nil {
			t.Fatalf("%s: %v", m[0], err)
		}
		if args[0] == "/usr/local/bin/carillon" {
			args = args[1:]
		}
		if len(args) > 0 {
			if err := known(newRoot(), args); err != nil {
				t.Errorf("%s: %v", m[0], err)
			}
		}
	}
	_, port, _ := strings.Cut(cfg.HTTP.Listen, ":")
	for _, want := range []string{"\nEXPOSE " + port + "\n", "\nVOLUME " + cfg.Data + "\n", "\nUSER 65532:65532\n"} {
		if !strings.Contains(file, want) {
			t.Errorf("the container file has no line %q", strings.TrimSpace(want))
		}
	}
	ignored := text(t, containerFile+".dockerignore")
	for _, m := range regexp.MustCompile(`(?m)^!(\S+)$`).FindAllStringSubmatch(ignored, -1) {
		if _, err := os.Stat(filepath.Join(repository, m[1])); err != nil {
			t.Errorf("the container's build is given %s: %v", m[1], err)
		}
	}
}

// shipped is the configuration to begin from.
func shipped(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(production)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
