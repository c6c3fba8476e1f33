package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/wire"
)

func newPlugin() *cobra.Command {
	return group(&cobra.Command{
		Use:   "plugin",
		Short: "List the channels' plugins, and examine one",
		Long: `A channel is run by a plugin: a process of its own, which the engine starts and
watches. The bundled ones are in this binary; one of your own is named in the
configuration by its path and checksum.`,
		Example: "  carillon plugin list\n  carillon plugin list --config carillon.yaml --json\n  carillon plugin check ./noticeboard --config check.yaml",
	}, newPluginList(), newPluginCheck(), newPluginServe())
}

// pluginInfo is what `plugin list` shows of a plugin.
type pluginInfo struct {
	Channel     string          `json:"channel,omitempty"` // its name in the configuration
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	AddressKind string          `json:"addressKind"`
	Content     []string        `json:"content"`
	Idempotent  bool            `json:"idempotent"`
	Lifetime    string          `json:"idempotencyLifetime,omitempty"`
	MaxBatch    uint32          `json:"maxBatch"`
	Protocol    string          `json:"protocol"`
	Path        string          `json:"path,omitempty"` // empty: bundled
	SHA256      string          `json:"sha256,omitempty"`
	Secrets     []string        `json:"secrets"`
	Limits      []string        `json:"limits"`
	Settings    json.RawMessage `json:"settingsSchema,omitempty"`
	Fault       string          `json:"fault,omitempty"`
}

func newPluginInfo(about *channelv1.DescribeResponse) pluginInfo {
	i := pluginInfo{
		Name: about.Name, Version: about.Version, AddressKind: about.AddressKind, Content: about.Content,
		Idempotent: about.Idempotent, MaxBatch: about.MaxBatch, Protocol: fmt.Sprintf("channel.v%d", wire.Version),
		Secrets: about.Secrets, Limits: about.Limits,
	}
	if about.IdempotencySeconds > 0 {
		i.Lifetime = config.FormatDuration(time.Duration(about.IdempotencySeconds) * time.Second)
	}
	if json.Valid([]byte(about.SettingsSchema)) {
		i.Settings = json.RawMessage(about.SettingsSchema)
	}
	return i
}

func newPluginList() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show what each plugin is and takes",
		Long: `Show the bundled plugins, and with --config the plugin of each configured
channel as well, one of your own by starting it once: what addresses they take,
what content they show, whether their provider does nothing twice for the same
key, how many attempts they take at once, and which secrets an account may be
given. --json adds the JSON Schema of an account's settings.

Exit code 1 says that a configured plugin could not be started.`,
		Example: `  carillon plugin list
  carillon plugin list --json | jq 'select(.name == "email").settingsSchema'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []pluginInfo
			for _, kind := range bundledNames() {
				list = append(list, newPluginInfo(describe(kind)))
			}
			if file != "" {
				cfg, err := config.Load(file)
				if err != nil {
					return err
				}
				list = append(list, configuredPlugins(cmd.Context(), cfg)...)
			}
			return printPlugins(cmd, list, asJSON)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "show the plugins of this configuration as well")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	return cmd
}

// configuredPlugins describes the plugin of every channel, a third party's by
// starting it without its accounts.
func configuredPlugins(ctx context.Context, cfg *config.Config) []pluginInfo {
	var list []pluginInfo
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		p := cfg.Channels[name].Plugin
		about, err := askPlugin(ctx, name, p)
		if about == nil {
			about = &channelv1.DescribeResponse{}
		}
		info := newPluginInfo(about)
		info.Channel, info.Path, info.SHA256 = name, p.Path, strings.ToLower(p.SHA256)
		if err != nil {
			info.Fault = err.Error()
		}
		list = append(list, info)
	}
	return list
}

func askPlugin(ctx context.Context, name string, p config.Plugin) (*channelv1.DescribeResponse, error) {
	if p.Path != "" {
		about, _, err := host.Probe(ctx, host.Spec{Name: name, Path: p.Path, Args: p.Args, SHA256: p.SHA256}, zerolog.Nop())
		return about, err
	}
	if bundled[p.Bundled] == nil {
		return nil, fmt.Errorf("channels.%s.plugin: %w", name, unknownKind(p.Bundled))
	}
	return describe(p.Bundled), nil
}

func printPlugins(cmd *cobra.Command, list []pluginInfo, asJSON bool) error {
	rows := [][]string{{"CHANNEL", "NAME", "VERSION", "ADDRESS", "IDEMPOTENT", "BATCH", "PROTOCOL", "CHECKSUM", "SECRETS", "CONTENT"}}
	var faults []error
	for _, p := range list {
		if p.Fault != "" {
			faults = append(faults, errors.New(p.Fault))
		}
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), p); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{
			dash(p.Channel), dash(p.Name), dash(p.Version), dash(p.AddressKind), idempotence(p), strconv.Itoa(int(p.MaxBatch)), p.Protocol,
			checksum(p), dash(strings.Join(p.Secrets, ",")), dash(strings.Join(p.Content, ",")),
		})
	}
	if !asJSON {
		if err := table(cmd.OutOrStdout(), rows); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

func idempotence(p pluginInfo) string {
	switch {
	case !p.Idempotent:
		return "no"
	case p.Lifetime == "":
		return "for ever"
	}
	return p.Lifetime
}

func checksum(p pluginInfo) string {
	if p.Path == "" {
		return "bundled"
	}
	return p.SHA256[:min(12, len(p.SHA256))]
}

// newPluginServe is what the engine starts for a bundled channel.
func newPluginServe() *cobra.Command {
	return &cobra.Command{
		Use:       "serve KIND",
		Hidden:    true,
		Short:     "Serve a bundled channel to the engine that started this process",
		ValidArgs: bundledNames(),
		Args:      oneArg("the KIND of a bundled channel"),
		RunE: func(_ *cobra.Command, args []string) error {
			kind, ok := bundled[args[0]]
			if !ok {
				return unknownKind(args[0])
			}
			if os.Getenv(wire.Handshake.MagicCookieKey) != wire.Handshake.MagicCookieValue {
				return errors.New("this is a channel's plugin, which the engine starts by itself: " +
					"use `carillon run` or `carillon dev`, and `carillon plugin list` to see what it is")
			}
			signal.Reset(syscall.SIGTERM) // main's is for commands that stop in order; the engine has asked before it signals
			go mindGarbage(context.Background(), pluginGarbage)
			sdk.Serve(kind)
			return nil
		},
	}
}
