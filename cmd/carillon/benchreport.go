package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/report"
)

func newBenchReport() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "report RESULT.json...",
		Short: "Make one HTML page of results, with plots",
		Long: `Make a page of what --json of other bench commands wrote: what ran and where,
the key figures, and plots of throughput, latency, CPU, memory and lanes over
the run. It is one file that opens offline, in light and dark and on paper: no
script, no font and no picture comes from elsewhere.

Several results of one command stand beside each other on the same axes, as A,
B and so on in the order in which they are given; with two of them the page says
what changed, as "carillon bench compare" does. Results of other commands have
parts of their own.`,
		Example: `  carillon bench report broadcast.json
  carillon bench report before.json after.json --output change.html
  carillon bench report broadcast.json -o - | gzip > broadcast.html.gz`,
		Args:              someResults,
		ValidArgsFunction: completeResults,
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := readResults(args)
			if err != nil {
				return err
			}
			page := &bytes.Buffer{}
			if err := report.WriteHTML(page, results...); err != nil {
				return err
			}
			if to == "-" {
				_, err := page.WriteTo(cmd.OutOrStdout())
				return err
			}
			if err := os.WriteFile(to, page.Bytes(), 0o644); err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is written: open it in a browser\n", to)
			return nil
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "report.html", "file to write, or - for the standard output")
	return cmd
}

func someResults(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("give results, which `carillon bench COMMAND --json FILE` wrote")
	}
	return nil
}
