package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const repository = "../.."

// pages returns every Markdown file of the repository by its path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(repository, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != repository && (strings.HasPrefix(d.Name(), ".") || d.Name() == "carillon-data" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		all[file] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d pages: the test looks in the wrong place", len(all))
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```([a-z]*)[^\n]*\n(.*?)^ *```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	span    = regexp.MustCompile("`([^`\n]+)`")
	invoked = regexp.MustCompile(`(?m)(?:^|[|(;&]) *(?:\./|go run \./cmd/)?carillon ([^|;)>#\n]*)`)
)

// Links inside the repository lead somewhere, also those to a heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			} else if anchor != "" && !anchors(all[target])[anchor] {
				t.Errorf("%s: %s has no heading #%s", page, target, anchor)
			}
		}
	}
}

// anchors are the names that GitHub gives to a page's headings.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := notSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		names[strings.ReplaceAll(strings.TrimSpace(name), " ", "-")] = true
	}
	return names
}

// Every command and flag that a page shows is one.
func TestCommandsOnPages(t *testing.T) {
	root := newRoot()
	root.InitDefaultCompletionCmd("bash")
	seen := 0
	for page, text := range pages(t) {
		if filepath.Base(page) == "cli.md" {
			continue // made from the commands
		}
		for _, args := range commandLines(text) {
			seen++
			if err := known(root, args); err != nil {
				t.Errorf("%s: carillon %s: %v", page, strings.Join(args, " "), err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d commands were found: the test reads the pages wrongly", seen)
	}
}

// commandLines finds what follows carillon in shell blocks and in code spans.
func commandLines(text string) (lines [][]string) {
	var code []string
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if m[1] == "" || m[1] == "sh" {
			code = append(code, strings.ReplaceAll(m[2], "\\\n", " "))
		}
	}
	for _, m := range span.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		code = append(code, m[1])
	}
	for _, c := range code {
		for _, m := range invoked.FindAllStringSubmatch(c, -1) {
			lines = append(lines, strings.Fields(m[1]))
		}
	}
	return lines
}

func known(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("there is no %s %s", cmd.CommandPath(), rest[0])
	}
	cmd.InitDefaultHelpFlag()
	for _, arg := range rest {
		name, isFlag := strings.CutPrefix(arg, "--")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && name != "" && cmd.Flag(name) == nil {
			return fmt.Errorf("there is no flag --%s", name)
		}
	}
	return nil
}

// What the README shows of the contract stands in the contract, whose examples
// are tested in engine/send.
func TestReadmeShowsTheContract(t *testing.T) {
	all := pages(t)
	contract := all[filepath.Join(repository, "docs", "contract.md")]
	for _, m := range fence.FindAllStringSubmatch(all[filepath.Join(repository, "README.md")], -1) {
		if m[1] == "json" && !strings.Contains(contract, m[2]) {
			t.Errorf("not in docs/contract.md:\n%s", m[2])
		}
	}
}

// The checks find what they are there to find.
func TestPagesFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		fault      bool
	}{
		{"a command", "`carillon send --wait`", false},
		{"run from the source", "```sh\ngo run ./cmd/carillon dev\n```", false},
		{"in a pipe", "```sh\njq . | carillon validate - --json | head\n```", false},
		{"a flag of another command", "`carillon dev --wait`", true},
		{"no such command", "```\ncarillon sned\n```", true},
		{"no such subcommand", "`carillon topics drop`", true},
		{"on a second line", "```sh\ncarillon send \\\n  --nonsense\n```", true},
		{"prose", "carillon rings", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fault := false
			for _, args := range commandLines(c.text) {
				fault = fault || known(newRoot(), args) != nil
			}
			if fault != c.fault {
				t.Errorf("fault %t, want %t", fault, c.fault)
			}
		})
	}
}
