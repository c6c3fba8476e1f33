package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/sdk/wire"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version string

// build is what is known of this binary.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Contract string `json:"contract"`
	Plugins  string `json:"pluginProtocol"`
	// Faults says that the environment can break this binary on purpose.
	Faults bool `json:"faults,omitempty"`
}

func thisBuild() build {
	b := build{
		Version: version, Commit: "unknown", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Contract: "carillon.v1", Plugins: fmt.Sprintf("channel.v%d", wire.Version),
		Faults: fault.Enabled,
	}
	info, ok := debug.ReadBuildInfo()
	if b.Version == "" {
		b.Version = "dev"
		if ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
	}
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			b.Commit += " (modified)"
		}
	}
	return b
}

// long returns the version with the commit, where that is known.
func (b build) long() string {
	if b.Commit == "unknown" {
		return b.Version
	}
	return b.Version + " " + b.Commit
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, and which protocols it speaks",
		Long: `Show the version of this binary, the commit and the Go release it was built
from, the contract with producers, and the plugin protocol.`,
		Example: "  carillon version\n  carillon version --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), b)
			}
			rows := [][]string{
				{"carillon", b.Version}, {"commit", b.Commit}, {"go", b.Go + " " + b.Platform},
				{"contract", b.Contract}, {"plugin protocol", b.Plugins},
			}
			if b.Faults {
				rows = append(rows, []string{"faults", "built in: for tests alone, never for production"})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
