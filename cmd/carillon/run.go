package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/fault"
)

func newRun() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the engine against your Kafka",
		Long: `Run one node of the engine. Nodes with the same configuration share the work;
start as many as you like, and stop any of them at any time.

The node creates the topics that are missing, unless the configuration says
otherwise, and is ready when /readyz on its HTTP port answers 200. While no
broker can be reached it goes on trying. What no waiting can mend (a fault in
the configuration, a port in use, a plugin with wrong settings) ends it with
exit code 1.

SIGTERM or Ctrl-C stops it in order: it takes no more, finishes what is open
within engine.drain_timeout, and commits. The second one stops it at once, with
exit code 130; nothing that was accepted is lost then either.`,
		Example: `  carillon config check /etc/carillon/carillon.yaml
  carillon run --config /etc/carillon/carillon.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("--config is needed: the configuration file; configs/production.yaml is one to begin from")
			}
			cfg, err := loadToRun(file)
			if err != nil {
				return err
			}
			log := newLog(cfg.Log, cmd.ErrOrStderr())
			b := thisBuild()
			log.Info().Str("version", b.Version).Str("commit", b.Commit).Str("config", file).
				Str("http", cfg.HTTP.Listen).Msg("carillon starts")
			if fault.Enabled {
				log.Warn().Str("point", os.Getenv(fault.PointEnv)).Str("mutant", os.Getenv(fault.MutantEnv)).
					Msg("this binary breaks on purpose where its environment says so: it is for tests alone")
			}
			node := engine.New(cfg, log)
			go boundMemory(cmd.Context(), node.OutsideHeap)
			go mindGarbage(cmd.Context(), nodeGarbage)
			if err := node.Run(cmd.Context()); err != nil {
				return err
			}
			log.Info().Msg("carillon has stopped")
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file")
	return cmd
}

// loadToRun loads a configuration and checks all that can be checked without
// starting anything.
func loadToRun(file string) (*config.Config, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	return cfg, checkToRun(cfg)
}

func checkToRun(cfg *config.Config) error {
	_, tls := cfg.Kafka.TLSConfig()
	return errors.Join(cfg.CheckRun(bundledNames()...), cfg.CheckSecrets(), tls)
}
