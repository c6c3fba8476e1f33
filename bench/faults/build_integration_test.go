//go:build integration

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/carillonhq/carillon"

var binaries string // a directory for them all

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "carillon-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// goTool runs go at the module's root.
func goTool(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// carillonWithFaults builds ./cmd/carillon with faults.
var carillonWithFaults = sync.OnceValues(func() (string, error) {
	file := filepath.Join(binaries, "carillon-faults")
	_, err := goTool("build", "-tags", "faults", "-o", file, "./cmd/carillon")
	return file, err
})

// suite is the tests of one package, built with faults.
type suite struct {
	file, dir string
	rapid     bool // it takes rapid's flags
}

// buildSuites builds the tests of the killers' packages.
func buildSuites(t *testing.T, all []killer) map[string]suite {
	t.Helper()
	found := map[string]suite{}
	var names []string
	for _, k := range all {
		if k.pkg != "" {
			found[k.pkg] = suite{
				file: filepath.Join(binaries, path.Base(k.pkg)+".test"), dir: filepath.Join("..", "..", k.pkg),
			}
			names = append(names, "./"+k.pkg)
		}
	}
	if _, err := goTool(append([]string{"test", "-c", "-tags", "faults", "-o", binaries + "/"}, names...)...); err != nil {
		t.Fatal(err)
	}
	list, err := goTool(append([]string{"list", "-f", "{{.ImportPath}} {{.TestImports}} {{.XTestImports}}"}, names...)...)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(list) {
		name, imports, _ := strings.Cut(strings.TrimPrefix(line, module+"/"), " ")
		s := found[name]
		s.rapid = strings.Contains(imports, "pgregory.net/rapid")
		found[name] = s
	}
	return found
}
