package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
)

func newConfig() *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Check a configuration, or print its schema",
		Long: `The configuration is one YAML file: docs/configuration.md explains every key,
and configs/ has examples. There is no other source but the environment
variables and files that a secret's reference names.`,
		Example: "  carillon config check carillon.yaml\n  carillon config schema > carillon.schema.json",
	}, newConfigCheck(), newConfigSchema())
}

func newConfigCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say all that is wrong with a configuration",
		Long: `Check a configuration as "carillon run" does at its start: the keys and values,
that every secret can be read, and the settings of every account, by starting
each channel's plugin once. Nothing is sent, and no broker is asked ("carillon
topics check" does that).

Faults are told in stages, each with all of its own: the file (with path, line
and what to do), then the secrets, then each plugin's settings. Exit code 1
says that there are any.`,
		Example: "  carillon config check /etc/carillon/carillon.yaml",
		Args:    oneArg("the configuration file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err != nil {
				return err
			}
			if err := checkToRun(cfg); err != nil {
				return err
			}
			if err := checkPlugins(cmd, cfg); err != nil {
				return fmt.Errorf("%s:\n%w", args[0], err)
			}
			accounts := 0
			for _, ch := range cfg.Channels {
				accounts += len(ch.Accounts)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d channels, %d accounts\n", args[0], len(cfg.Channels), accounts)
			return nil
		},
	}
}

// checkPlugins starts each channel's plugin once with its accounts, and tells
// every fault on a line of its own.
func checkPlugins(cmd *cobra.Command, cfg *config.Config) error {
	var lines []string
	log := quiet(newLog(cfg.Log, cmd.ErrOrStderr()), "config check")
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		spec, err := engine.PluginSpec(name, cfg.Channels[name], cfg.Engine.Nodes)
		if err != nil {
			return err
		}
		_, faults, err := host.Probe(cmd.Context(), spec, log)
		if cmd.Context().Err() != nil {
			return err
		}
		if err != nil {
			lines = append(lines, "  channels."+name+": "+err.Error())
		}
		for _, f := range faults {
			lines = append(lines, "  channels."+name+"."+f.String())
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of the configuration. With the line

  # yaml-language-server: $schema=carillon.schema.json

at the top of the file, editors complete and check it.`,
		Example: "  carillon config schema > carillon.schema.json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema())
			return err
		},
	}
}
