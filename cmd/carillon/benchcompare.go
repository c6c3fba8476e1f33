package main

import (
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/report"
)

func newBenchCompare() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare A.json B.json",
		Short: "Say what changed from one run to another, and how much of it is noise",
		Long: `Compare the results of two runs of one command, such as before and after a
change, that --json wrote: each figure, how it changed from A to B, and between
what the change probably lies by the rounds of both (an interval of 95 %).

  better, worse  the interval is on one side of 0
  within noise   it has 0 in it: nothing is known
  the same       too small to matter: 1 %, or the slack that the figure has
  not judged     too few rounds (five of both together, two of each at least),
                 other settings, or a run that failed

What else differs is a warning: machine, broker, versions. A count, such as
allocations per send, is judged without rounds: the speed of a machine is not in
it, and it is what a baseline goes by.

Exit code 1 says that a file can't be read, or that they are runs of two
commands; a figure that is worse is no failure here.`,
		Example: `  carillon bench compare before.json after.json
  carillon bench compare before.json after.json --json | jq '.changes[] | select(.verdict == "worse")'`,
		Args:              twoResults,
		ValidArgsFunction: completeResults,
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := readResults(args)
			if err != nil {
				return err
			}
			c, err := report.Compare(results[0], results[1])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), c)
			}
			return c.Write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func twoResults(_ *cobra.Command, args []string) error {
	if len(args) != 2 {
		return usagef("give two results, which `carillon bench COMMAND --json FILE` wrote")
	}
	return nil
}

// completeResults leaves files to the shell, but only those of JSON.
func completeResults(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
}

func readResults(files []string) ([]*report.Result, error) {
	results := make([]*report.Result, len(files))
	for i, file := range files {
		var err error
		if results[i], err = report.ReadFile(file); err != nil {
			return nil, err
		}
	}
	return results, nil
}
