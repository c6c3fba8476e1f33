package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func newInvalidShow() *cobra.Command {
	c := &cluster{}
	cmd := &cobra.Command{
		Use:   "show PLACE",
		Short: "Show one, with its original bytes",
		Long: `Show one record that is no send. Why, and where it came from, goes to the
standard error, the original bytes go to the standard output as they are.`,
		Example: `  carillon invalid show 2/41
  carillon invalid show 2/41 2> /dev/null | jq .`,
		Args: oneArg("a PLACE, as `carillon invalid list` shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, cfg, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			at, rec, err := find(cmd, client, cfg, args[0])
			if err != nil {
				return err
			}
			r := newRefused(at.Partition, rec)
			rows := [][]string{
				{"place", r.Place}, {"at", r.At.Local().Format(time.DateTime)}, {"reason", r.Reason},
				{"path", dash(r.Path)}, {"detail", dash(r.Detail)}, {"from", dash(r.Source)}, {"bytes", strconv.Itoa(r.Bytes)},
			}
			if was, _, err := original(rec); err == nil {
				rows = append(rows, []string{"key", fmt.Sprintf("%q", was.Key)})
				for _, h := range was.Headers {
					rows = append(rows, []string{"header", fmt.Sprintf("%s: %q", h.Key, h.Value)})
				}
			}
			if err := table(cmd.ErrOrStderr(), rows); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if _, err = out.Write(rec.Value); isTerminal(out) {
				fmt.Fprintln(out)
			}
			return err
		},
	}
	c.addFlags(cmd)
	return cmd
}
