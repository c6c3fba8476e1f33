package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/plugin"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/sdk/conform"
	"github.com/carillonhq/carillon/sdk/wire"
)

const pluginCheckLong = `Examine a plugin, in whatever language it is written, over the protocol that
the engine speaks with it: how it starts, describes itself and refuses
settings, that each attempt has one result, that credits, deadlines, throttles
and broken streams are as docs/plugins.md says, what it makes of malformed,
hostile and huge input, whether its memory grows, whether it leaves when it is
asked to and when its parent dies, and that it prints no secret. PATH is its
executable, and what follows are its arguments; after -- they may begin with a
dash. A bundled channel goes by its name.

Whatever sends needs an account. Without --config those checks are not run, and
the report says so. The file has the settings of an account at a simulator of
the provider, never at the provider: more than 100,000 attempts are sent, some
of them hostile. All of its keys, none of which must be there:

  settings: {url: "http://127.0.0.1:9001"}
  secrets: {api_key: env:API_KEY}     # env:NAME or file:/path
  address: user{i}@example.com        # {i} is the attempt's number; made up
                                      # by the channel's kind where it can be
  content: {title: Tea, body: is ready}
  data: {order: 17}
  slow: slow@example.com              # answered by the provider after 10 s
  refused:                            # settings that the plugin must refuse,
    - {settings: {url: 5}, path: url} # and the path of the fault
  cases:                              # what verdict follows from what
    - {name: gone, address: gone@example.com, want: rejected recipient}
    - {name: busy, address: busy@example.com, want: throttled}
  sends: 100000                       # of the check of its memory
  patience: 10s                       # of every wait

Exit code 0: all checks that were run passed. 1: some failed. 2: usage.`

// pluginReport is what `plugin check --json` writes.
type pluginReport struct {
	Plugin  string           `json:"plugin"`
	About   *pluginInfo      `json:"about,omitempty"`
	Passed  int              `json:"passed"`
	Failed  int              `json:"failed"`
	NotRun  int              `json:"notRun"`
	Seconds float64          `json:"seconds"`
	Checks  []conform.Result `json:"checks"`
}

func newPluginCheck() *cobra.Command {
	var file string
	var only []string
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "check PATH [ARGUMENT...]",
		Short: "Examine a plugin: does it do what the engine counts on",
		Long:  pluginCheckLong,
		Example: `  carillon plugin check ./noticeboard
  carillon plugin check ./noticeboard --config check.yaml
  carillon plugin check ./channel.py --config check.yaml --only send,batches,cases
  carillon plugin check --config check.yaml --json /usr/bin/node -- channel.js --verbose
  carillon plugin check sink | grep -v '^  ok'`,
		Args: pluginArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			checks, err := pickChecks(only)
			if err != nil {
				return err
			}
			suite, err := readSuite(file)
			if err != nil {
				return err
			}
			log := zerolog.Nop()
			if verbose {
				log = newLog(config.Default().Log, cmd.ErrOrStderr())
			}
			target, err := pluginTarget(args, log)
			if err != nil {
				return err
			}
			return checkPlugin(cmd, args, conform.New(target, suite), checks, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "config", "", "the account, addresses and cases to check with; see above")
	flags.StringSliceVar(&only, "only", nil, "run these checks alone, with commas between, besides start, account and send")
	flags.BoolVar(&asJSON, "json", false, "write JSON, one object")
	flags.BoolVar(&verbose, "verbose", false, "show what the plugin prints, masked, on the standard error")
	completeNames(cmd, "only", checkNames)
	return cmd
}

func pluginArgs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("give the PATH of a plugin's executable, or the name of a bundled channel")
	}
	return nil
}

// needed are run whatever --only says: others build on them.
var needed = []string{"start", "account", "send"}

func checkNames() (names []string) {
	for _, c := range conform.Checks() {
		names = append(names, c.Name)
	}
	return names
}

func pickChecks(only []string) ([]conform.Check, error) {
	for _, name := range only {
		if !slices.Contains(checkNames(), name) {
			return nil, usagef("--only %q: there is no such check; there are %s", name, strings.Join(checkNames(), ", "))
		}
	}
	return slices.DeleteFunc(conform.Checks(), func(c conform.Check) bool {
		return len(only) > 0 && !slices.Contains(only, c.Name) && !slices.Contains(needed, c.Name)
	}), nil
}

func readSuite(file string) (conform.Suite, error) {
	if file == "" {
		return conform.Suite{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return conform.Suite{}, &exit{codeUsage, fmt.Errorf("--config: %w", err)}
	}
	suite, err := conform.Read(text, func(reference string) (string, error) { return config.SecretRef(reference).Resolve() })
	if err != nil {
		return suite, &exit{codeUsage, fmt.Errorf("--config %s: %w", file, err)}
	}
	return suite, nil
}

// pluginTarget takes the name of a bundled channel too, where no file is meant.
func pluginTarget(args []string, log zerolog.Logger) (*plugin.Executable, error) {
	if bundled[args[0]] != nil && len(args) == 1 {
		return plugin.New("", []string{"plugin", "serve", args[0]}, log)
	}
	target, err := plugin.New(args[0], args[1:], log)
	if err != nil {
		return nil, &exit{codeUsage, err}
	}
	return target, nil
}

func checkPlugin(cmd *cobra.Command, args []string, kit *conform.Kit, checks []conform.Check, asJSON bool) error {
	defer kit.Close()
	out := cmd.OutOrStdout()
	r := pluginReport{Plugin: args[0]}
	began := time.Now()
	for _, c := range checks {
		if !asJSON {
			waitFor(out, c.Name)
		}
		res := kit.Run(cmd.Context(), c)
		if cmd.Context().Err() != nil {
			return context.Cause(cmd.Context())
		}
		r.count(res)
		if !asJSON {
			printCheck(out, res)
		}
	}
	r.Seconds = time.Since(began).Seconds()
	if about := kit.About(); about != nil {
		info := newPluginInfo(about)
		r.About = &info
	}
	if asJSON {
		if err := printJSON(out, r); err != nil {
			return err
		}
	} else {
		r.conclude(out)
	}
	if r.Failed > 0 {
		return errSaid
	}
	return nil
}

func (r *pluginReport) count(res conform.Result) {
	r.Checks = append(r.Checks, res)
	switch res.Outcome {
	case conform.Passed:
		r.Passed++
	case conform.Failed:
		r.Failed++
	default:
		r.NotRun++
	}
}

func (r *pluginReport) conclude(w io.Writer) {
	if r.About != nil {
		fmt.Fprintf(w, "\n%s: %s %s, channel.v%d, address %s\n", r.Plugin, r.About.Name, r.About.Version, wire.Version, r.About.AddressKind)
	} else {
		fmt.Fprintf(w, "\n%s\n", r.Plugin)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d not run, in %.1f s\n", r.Passed, r.Failed, r.NotRun, r.Seconds)
	if slices.ContainsFunc(r.Checks, func(c conform.Result) bool { return c.Why == conform.NoAccount }) {
		fmt.Fprintln(w, "With --config FILE, the settings of an account at a simulator, the others run too: carillon plugin check --help")
	}
}

// waitFor shows on a terminal what is run: some checks take a while.
func waitFor(w io.Writer, name string) {
	if isTerminal(w) {
		fmt.Fprintf(w, "  ...   %s\r", name)
	}
}

func printCheck(w io.Writer, r conform.Result) {
	switch r.Outcome {
	case conform.Passed:
		fmt.Fprintf(w, "  %s    %-16s %s\n", paint(w, green, "ok"), r.Name, r.Expected)
	case conform.NotRun:
		fmt.Fprintf(w, "  %s     %-16s not run: %s\n", paint(w, yellow, "-"), r.Name, r.Why)
	default:
		fmt.Fprintf(w, "  %s  %-16s expected: %s\n", paint(w, red, "FAIL"), r.Name, r.Expected)
		for _, f := range r.Findings {
			fmt.Fprintf(w, "%25scame: %s\n%25sdo: %s\n", "", f.Got, "", f.Do)
		}
	}
}
