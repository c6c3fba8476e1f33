package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/carillonhq/carillon/engine/fault"
)

// Each name is in its table, with a sentence, and somewhere in the engine: a
// point that nobody passes and a mutant that changes nothing would look as if
// all were well.
func TestTables(t *testing.T) {
	for _, c := range []struct {
		file, call string
		table      []fault.Named
	}{
		{"points.go", "Point", fault.Points()},
		{"mutants.go", "Mutant", fault.Mutants()},
	} {
		t.Run(c.call, func(t *testing.T) {
			names := constants(t, c.file)
			used := calls(t, c.call)
			if len(names) != len(c.table) {
				t.Errorf("%s has %d constants, and its table %d rows", c.file, len(names), len(c.table))
			}
			about := map[string]string{}
			for _, n := range c.table {
				about[n.Name] = n.About
			}
			for constant, name := range names {
				if about[name] == "" {
					t.Errorf("%s is not in the table, or has no sentence", name)
				}
				if !used[constant] {
					t.Errorf("there is no fault.%s(fault.%s) in the engine", c.call, constant)
				}
			}
		})
	}
}

// constants returns the values of a file's constants by their names.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok {
					found[name.Name], _ = strconv.Unquote(lit.Value)
				}
			}
		}
		return true
	})
	return found
}

// calls returns the constants that the engine's code calls a function of this
// package with.
func calls(t *testing.T, function string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && ours(call.Fun) == function && len(call.Args) == 1 {
				found[ours(call.Args[0])] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// ours returns X of fault.X.
func ours(e ast.Expr) string {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "fault" {
			return sel.Sel.Name
		}
	}
	return ""
}
