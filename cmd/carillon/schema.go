package main

import (
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/send"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema send|status",
		Short: "Print the JSON Schema of a send or of a status event",
		Long: `Print the JSON Schema (draft 2020-12) of what producers publish, "send", or of
what they read back, "status". Editors and validators take it; "carillon
validate" is closer still to what the engine says of a record.`,
		Example: `  carillon schema send > send.schema.json
  carillon schema status`,
		ValidArgs: []string{"send", "status"},
		Args:      oneArg("send or status"),
		RunE: func(cmd *cobra.Command, args []string) error {
			schemas := map[string]func() []byte{"send": send.SendSchema, "status": send.StatusSchema}
			schema, ok := schemas[args[0]]
			if !ok {
				return usagef("there is no schema of %q; there are send and status", args[0])
			}
			_, err := cmd.OutOrStdout().Write(schema())
			return err
		},
	}
}
