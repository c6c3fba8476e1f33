package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const docFile = "../../docs/cli.md"

// The reference is what the commands say of themselves:
// go test ./cmd/carillon -run TestReference -update
func TestReference(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(docFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/cli.md is not what the commands say; run: go test ./cmd/carillon -run TestReference -update")
	}
}

// Every command teaches: with an explanation and examples that name it.
func TestHelp(t *testing.T) {
	walk(newRoot(), func(c *cobra.Command) {
		name := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the short text %q should be a phrase", name, c.Short)
		}
		if c.Long == "" || !strings.Contains(c.Example, name) {
			t.Errorf("%s: needs a long text, and an example that shows it", name)
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 81 {
				t.Errorf("%s: a line of the long text is too long for a terminal: %s", name, line)
			}
		}
	})
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	if c.Hidden {
		return
	}
	visit(c)
	for _, child := range c.Commands() {
		walk(child, visit)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("# The carillon command\n\nThis page is made from the command's own help; `carillon COMMAND --help` shows the same.\n")
	root := newRoot()
	walk(root, func(c *cobra.Command) {
		fmt.Fprintf(&b, "\n%s %s\n\n%s\n", strings.Repeat("#", min(2+strings.Count(c.CommandPath(), " "), 4)), c.CommandPath(), blocks(c.Long))
		if c.HasParent() && (!c.HasAvailableSubCommands() || c.HasAvailableLocalFlags()) {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", c.UseLine())
		}
		if flags := c.LocalFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags)
		}
		fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", dedent(c.Example))
	})
	b.WriteString("\n## carillon completion\n\n`carillon completion bash|zsh|fish|powershell` prints a script that completes commands, flags and channels;\n" +
		"`carillon completion bash --help` says how to load it.\n")
	return b.String()
}

// blocks makes what the help indents a block of its own in Markdown.
func blocks(long string) string { return strings.ReplaceAll(long, "\n  ", "\n    ") }

func dedent(example string) string {
	return strings.ReplaceAll(strings.TrimPrefix(example, "  "), "\n  ", "\n")
}
