package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/chaos"
)

func newBench() *cobra.Command {
	return group(&cobra.Command{
		Use:   "bench",
		Short: "Show how fast it is, and that nothing is lost or doubled, on this machine",
		Long: `Runs that show what the engine does and what it promises. They start everything
that they need as processes of their own on this machine, and leave it as they
found it. docs/benchmarks.md says how to read what they find.`,
		Example: `  carillon bench broadcast
  carillon bench latency --rate 5000 --seconds 60
  carillon bench limit --json limit.json && carillon bench report limit.json
  carillon bench chaos --minutes 10 --seed 1`,
	},
		newBenchBroadcast(), newBenchLatency(), newBenchIsolation(), newBenchScale(), newBenchSoak(), newBenchParked(), newBenchCancel(),
		newBenchLimit(), newBenchChannel(), newBenchPlugin(), newBenchRate(),
		newBenchReport(), newBenchCompare(),
		newBenchChaos(),
		newBenchYardstick(),
	)
}

type chaosFlags struct {
	chaos.Config
	minutes float64
	faults  string
	json    string
}

const chaosLong = `Run several engine nodes under load while faults strike them at random times,
let the rest settle, and account for every send. Linux only.

  kill         SIGKILL of a node, which is started again
  zombie       SIGSTOP of a node for longer than its session, then SIGCONT
  partition    a node is cut off from the broker for longer than its session
  restart      SIGTERM of a node, which is started again
  rolling      restarts of all nodes in turn, faster than they share out shards
  disk         like kill, and its data directory is deleted meanwhile
  plugin-kill  SIGKILL of a node's plugins
  plugin-stop  SIGSTOP of a node's plugins for some seconds
  broker       SIGKILL of the broker, which is started again

The seed decides which fault strikes when and where. The provider is the sink,
which keeps a ledger of its own of all that it was handed; a few attempts in a
hundred fail, so that sends are parked and tried again. Before a node is frozen
or cut off, more is published than the provider takes, so that its lanes are
full. There is no fault of the clock: a process can't be given another one.

The broker is "embedded" (a fake of Kafka in a process of its own), "kafka"
(Apache Kafka: needs Java 17, and Maven once), or the address of one that runs,
where topics with a prefix of their own stay behind.

With --channel-policy resend, an attempt may be repeated once if a fault left it
open: those are counted, and are the bound. A clean restart leaves nothing open.
With idempotent, the provider remembers keys, and none may be doubled. With
hold, none may be doubled at all, and what was open ends unknown.

Meanwhile half of the load goes through what decides when and by which way a
send goes (--flow): rates of accounts, apps and campaigns, caps, a rate of each
recipient, quiet hours, expiry, fallback to a second channel, collapse, and an
account that is refused for some seconds; and somebody cancels campaigns, pauses
an app and suppresses recipients. Each has a check of its own, which goes by the
provider's ledger and allows what docs/guarantees.md does.

Whatever the policy, these are failures too: a lost send, a second outcome, a
send with an ordering key that overtakes another, a duplicate that is sent
(sends that had ended are published again after a disk was lost), a limit
exceeded, an offset that goes back, a restart that had to be forced, and an
attempt that a node begins when its session is over.

The report goes to the standard output. Exit code 0: nothing was lost, and no
promise broken.`

func newBenchChaos() *cobra.Command {
	f := &chaosFlags{}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Kill and freeze nodes, plugins and the broker, and account for every send",
		Long:  chaosLong,
		Example: `  carillon bench chaos --minutes 10 --seed 1
  carillon bench chaos --faults rolling --channel-policy hold
  carillon bench chaos --broker kafka --faults zombie,partition,disk --json report.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.Nodes, "nodes", 3, "engine nodes")
	flags.Float64Var(&f.minutes, "minutes", 2, "minutes of load and faults")
	flags.Float64Var(&f.SendsPerSecond, "sends-per-second", 300, "rate of the load, whatever becomes of it")
	flags.StringVar(&f.faults, "faults", "all", "faults with commas between them, all or none")
	flags.DurationVar(&f.Gap, "gap", 6*time.Second, "mean time between two faults")
	flags.Uint64Var(&f.Seed, "seed", 1, "another seed breaks other things at other times")
	flags.StringVar(&f.Broker, "broker", "embedded", "embedded, kafka, or HOST:PORT")
	flags.StringVar(&f.Policy, "channel-policy", "resend", "of the channel: resend, hold, or idempotent (resend, to a provider that remembers keys)")
	flags.IntVar(&f.ProviderRate, "provider-rate", 1000, "the account's limit in attempts a second; 0 is none")
	flags.IntVar(&f.Partitions, "partitions", 12, "shards")
	flags.DurationVar(&f.Session, "session", 6*time.Second, "session timeout of the consumer group")
	flags.DurationVar(&f.Settle, "settle", time.Minute, "how long nothing may end while sends have no outcome")
	flags.BoolVar(&f.Standby, "standby", false, "nodes follow the shards of others (engine.standby)")
	flags.BoolVar(&f.Flow, "flow", true, "limits, caps, quiet hours, cancel and pause, suppressions, fallback, collapse and a breaker as well")
	flags.BoolVar(&f.Strict, "strict", false, "fail for what a provider with idempotency keys would have doubled, too")
	flags.StringVar(&f.json, "json", "", "write the report to this file as JSON as well")
	flags.StringVar(&f.Dir, "dir", "", "keep all data and logs here; default: a temporary one, kept if the run fails")
	cmd.AddCommand(newBenchChaosPoints())
	return cmd
}

func (f *chaosFlags) run(cmd *cobra.Command) (err error) {
	if f.Faults, err = f.kinds(); err != nil {
		return &exit{codeUsage, err}
	}
	f.Length = time.Duration(f.minutes * float64(time.Minute))
	if err := f.Check(); err != nil {
		return &exit{codeUsage, err}
	}
	return f.carryOut(cmd, func() (chaosReport, error) { return chaos.Run(cmd.Context(), f.Config) })
}

// chaosReport is what a run found.
type chaosReport interface {
	Write(io.Writer)
	Passed() bool
}

// carryOut gives a run its directory and its command, and writes its report.
func (f *chaosFlags) carryOut(cmd *cobra.Command, run func() (chaosReport, error)) error {
	if err := writable("json", f.json); err != nil {
		return &exit{codeUsage, err}
	}
	f.Progress = cmd.ErrOrStderr()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start nodes of it: %w", err)
	}
	f.Command = []string{exe}
	temporary := f.Dir == ""
	if temporary {
		if f.Dir, err = os.MkdirTemp("", "carillon-chaos-"); err != nil {
			return fmt.Errorf("make a directory for the run: %w; name one with --dir", err)
		}
	}
	if f.Dir, err = makeDir(f.Dir); err != nil {
		return err
	}
	report, err := run()
	if err != nil {
		return fmt.Errorf("%w (data and logs are in %s)", err, f.Dir)
	}
	report.Write(cmd.OutOrStdout())
	if f.json != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return fmt.Errorf("write the report as JSON: %w", err)
		}
		if err := os.WriteFile(f.json, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("write the report as JSON: %w", err)
		}
	}
	if !report.Passed() {
		return errSaid
	}
	if temporary {
		return os.RemoveAll(f.Dir)
	}
	return nil
}

// kinds returns the faults that were asked for. "all" leaves a broker alone
// that is not the run's own.
func (f *chaosFlags) kinds() ([]chaos.Kind, error) {
	if f.faults == "all" && f.Broker != "embedded" && f.Broker != "kafka" {
		return slices.DeleteFunc(chaos.Kinds(), func(k chaos.Kind) bool { return k == chaos.Broker }), nil
	}
	return chaos.ParseKinds(f.faults)
}
