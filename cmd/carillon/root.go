package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	began := false
	root := newRoot()
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	refuseUnknownTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	return conclude(errOut, cmd.CommandPath(), began, ctx.Err() != nil, err)
}

// refuseUnknownTopics makes wrong usage of the two commands that cobra brings
// what it is elsewhere; by themselves they show help and succeed.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			group(c)
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = noArgs(found, rest)
				}
				return err
			}
		}
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "carillon",
		Short: "Send messages from Kafka to every channel",
		Long: `Carillon sends business messages from Kafka to every channel: a producer
publishes a send to the topic "sends", Carillon delivers it by email, webhook
and more, and publishes what became of it to the topic "status".

To see it at work, start "carillon dev", which needs nothing else, and try what
it prints. In production it is "carillon run", beside your own Kafka.

Results go to the standard output, all else to the standard error. Exit codes:
0 is success, 1 failure, 2 wrong usage, 3 that what was waited for did not come
in time, 130 an interrupt.`,
		Example: `  carillon dev
  carillon send --channel email --to ana@example.com --title Hi --text "Olá" --wait
  carillon run --config /etc/carillon/carillon.yaml`,
		Args:          noArgs,
		RunE:          showHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run it:"},
		&cobra.Group{ID: "use", Title: "Publish and read:"},
		&cobra.Group{ID: "operate", Title: "Operate:"},
	)
	add(root, "run", newDev(), newRun())
	add(root, "use", newSend(), newStatus(), newValidate(), newSchema())
	add(root, "operate", newTopics(), newShard(), newCancel(), newPause(), newResume(), newInDoubt(), newSuppression(), newInvalid(), newHealth(), newConfig(), newPlugin(), newBench())
	add(root, "operate", newTop(), newLanes(), newExplain())
	root.AddCommand(newBroker(), newVersion())
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
	}
	root.AddCommand(commands...)
}

// group is a command that only holds others.
func group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.Args, c.RunE = noArgs, showHelp
	c.AddCommand(commands...)
	return c
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
