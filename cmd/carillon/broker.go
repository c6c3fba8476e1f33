package main

import (
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine/config"
)

// newBroker is the embedded broker as a process of its own, for tests and
// benches: the flags are those that broker.StartEmbedded gives.
func newBroker() *cobra.Command {
	var data, addr string
	cmd := &cobra.Command{
		Use:   "broker --data DIR",
		Short: "Run the embedded broker alone: a fake of Kafka, for development and tests",
		Long: `Run the broker of "carillon dev" as a process of its own, so that several nodes
can share it. It is a fake of Kafka in memory, which writes its records to DIR
and reads them again at a start: one process, no replicas, no fsync, no login.
Use it for trials and tests, and Kafka for everything else.`,
		Example: `  carillon broker --data /tmp/broker
  carillon broker --data /tmp/broker --broker 127.0.0.1:19092`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" {
				return usagef("--data is needed: the directory that keeps the broker's data")
			}
			go mindGarbage(cmd.Context(), benchGarbage)
			log := newLog(config.Log{Level: "info", Format: "auto"}, cmd.ErrOrStderr())
			return broker.Serve(cmd.Context(), data, addr, log)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "directory of the broker's data")
	cmd.Flags().StringVar(&addr, "broker", "127.0.0.1:9092", "address to listen at and to advertise")
	return cmd
}
