// Package sdks starts plugins that are written with the SDKs of other languages.
package sdks

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Languages are those that have an SDK beside Go's.
func Languages() []string { return []string{"node", "python"} }

// Example puts the example of an SDK into a folder as a plugin's author would have
// it: an executable that names its interpreter, and finds the SDK as a package that
// is installed. It returns the executable's path. The repository's .ci/sdks builds
// and installs the packages, which takes half a minute the first time and fetches
// what they need.
func Example(language, dir string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../..")
	install := exec.Command("./.ci/sdks", "install")
	install.Dir = root
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install the SDKs: .ci/sdks: %w\n%s", err, out)
	}
	installed := filepath.Join(root, ".bin/sdks", language)
	example, interpreter := "noticeboard.py", filepath.Join(installed, "bin/python")
	if language == "node" {
		var err error
		example = "noticeboard.js"
		if interpreter, err = exec.LookPath("node"); err != nil {
			return "", err
		}
		if err := errors.Join(
			os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o600),
			os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")),
		); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "sdk", language, "examples", example))
	if err != nil {
		return "", err
	}
	_, program, _ := strings.Cut(string(text), "\n") // the first line is of no use here
	path := filepath.Join(dir, example)
	return path, os.WriteFile(path, []byte("#!"+interpreter+"\n"+program), 0o700)
}
