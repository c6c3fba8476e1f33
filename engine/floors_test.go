package engine_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/carillonhq/carillon"

// floor holds packages, each with those below its path.
type floor struct {
	packages []string
	siblings bool // they may import each other
}

// floors stand on each other: a package imports from lower floors only. A new
// folder of engine has to be put on one here.
var floors = []floor{
	{[]string{"proto"}, true},
	{[]string{"sdk"}, true},
	{[]string{"engine/caps", "engine/config", "engine/fault", "engine/hours", "engine/kafka", "engine/limit", "engine/metrics", "engine/retry", "engine/routes", "engine/send", "engine/table"}, true},
	{[]string{"engine/control", "engine/host", "engine/intake", "engine/lane", "engine/ledger", "engine/outcome", "engine/suppress"}, false},
	{[]string{"engine/shard"}, false}, // the loop knows the types of those below; they do not know it
	{[]string{"engine"}, false},
	{[]string{"plugins"}, true}, // see only
	{[]string{"configs"}, true}, // files alone
	{[]string{"bench"}, true},
	{[]string{"cmd"}, true},
}

// only is all that packages below a path may import of ours, whatever the
// floor: a bundled plugin has no more than a third party's.
var only = map[string][]string{
	"plugins": {"plugins", "sdk", "proto"},
}

// reserved names who alone may import a dependency.
var reserved = map[string][]string{
	"github.com/cockroachdb/pebble":      {"engine/ledger", "bench/limit"},
	"github.com/twmb/franz-go/pkg/kfake": {"bench", "cmd/carillon"},
}

// TestFloors reads the imports of every package. Those of tests are free.
func TestFloors(t *testing.T) {
	imports, err := readImports("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(imports["sdk"]) == 0 {
		t.Fatal("no imports of sdk were found: the test looks in the wrong place")
	}
	for _, fault := range faults(imports) {
		t.Error(fault)
	}
}

// The rules find what they are there to find.
func TestFloorsFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		from string
		to   string
		want string // "" allows it
	}{
		{"down", "engine/lane", module + "/engine/limit", ""},
		{"down by many floors", "cmd/carillon", module + "/proto/carillon/v1", ""},
		{"up", "engine/limit", module + "/engine/lane", "imports go down only"},
		{"up from the sdk", "sdk", module + "/engine/send", "imports go down only"},
		{"up to the wiring", "engine/shard", module + "/engine", "imports go down only"},
		{"up to the plugins", "engine/host", module + "/plugins/email", "imports go down only"},
		{"beside, where it is allowed", "engine/send", module + "/engine/kafka", ""},
		{"beside, where it is not", "engine/lane", module + "/engine/ledger", "do not import each other"},
		{"inside its own folder", "engine/host", module + "/engine/host/inner", ""},
		{"a plugin on the sdk", "plugins/email", module + "/sdk", ""},
		{"a plugin on its simulator", "plugins/email", module + "/plugins/email/emailsim", ""},
		{"a plugin on the engine", "plugins/email", module + "/engine/send", "plugins imports only plugins, sdk, proto"},
		{"a folder that is on no floor", "engine/novel", "fmt", "is on no floor"},
		{"an import that is on no floor", "cmd/carillon", module + "/engine/novel", "is on no floor"},
		{"Pebble in its place", "engine/ledger", "github.com/cockroachdb/pebble/v2", ""},
		{"Pebble elsewhere", "engine/shard", "github.com/cockroachdb/pebble/v2/vfs", "only engine/ledger, bench/limit"},
		{"kfake in its place", "bench/broker", "github.com/twmb/franz-go/pkg/kfake", ""},
		{"kfake elsewhere", "engine/intake", "github.com/twmb/franz-go/pkg/kfake", "only bench, cmd/carillon"},
		{"a dependency like any other", "sdk", "google.golang.org/grpc", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(faults(map[string][]string{c.from: {c.to}}), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s importing %s: %q, want %q", c.from, c.to, got, c.want)
			}
		})
	}
}

// faults returns a sentence for each import that breaks a rule, in order.
func faults(imports map[string][]string) []string {
	var all []string
	for from, tos := range imports {
		if floorOf(from) < 0 {
			all = append(all, from+" is on no floor: put it on one in engine/floors_test.go")
			continue
		}
		for _, to := range tos {
			if why := refuse(from, to); why != "" {
				all = append(all, fmt.Sprintf("%s imports %s: %s", from, to, why))
			}
		}
	}
	slices.Sort(all)
	return all
}

// refuse returns why the package from may not import the path to, or "".
func refuse(from, to string) string {
	for dependency, users := range reserved {
		if under(to, dependency) && !underAny(from, users) {
			return "only " + strings.Join(users, ", ") + " may"
		}
	}
	to, ours := strings.CutPrefix(to, module+"/")
	if !ours {
		return ""
	}
	for dir, allowed := range only {
		if under(from, dir) && !underAny(to, allowed) {
			return dir + " imports only " + strings.Join(allowed, ", ")
		}
	}
	f, t := floorOf(from), floorOf(to)
	switch {
	case t < 0:
		return to + " is on no floor: put it on one in engine/floors_test.go"
	case t > f:
		return "imports go down only, and it is on a higher floor"
	case t == f && !floors[f].siblings && !under(to, from) && !under(from, to):
		return "packages of this floor do not import each other; declare an interface where it is used"
	}
	return ""
}

// floorOf returns the index in floors, or -1.
func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(f floor) bool {
		return slices.ContainsFunc(f.packages, func(p string) bool {
			return pkg == p || p != "engine" && under(pkg, p)
		})
	})
}

// under reports whether p is dir or below it. Pebble's major version is part of
// its path, so it is below as well.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func underAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return under(p, dir) })
}

// readImports returns what the packages of the module at root import, by their
// folder. It reads every file, whatever its build tags, but for tests, and
// leaves out modules inside this one.
func readImports(root string) (map[string][]string, error) {
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && skipped(file):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("reading the imports of %s: %w", rel, err)
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		all := imports[pkg]
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("reading the imports of %s: %w", rel, err)
			}
			all = append(all, to)
		}
		imports[pkg] = all // also if there are none
		return nil
	})
	for pkg := range imports {
		slices.Sort(imports[pkg])
		imports[pkg] = slices.Compact(imports[pkg])
	}
	return imports, err
}

// skipped reports whether go build passes the folder over, or it is a module of
// its own.
func skipped(dir string) bool {
	name := filepath.Base(dir)
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
