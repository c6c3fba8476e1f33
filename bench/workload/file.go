package workload

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var shipped embed.FS

// Names returns the workloads that are shipped here.
func Names() []string {
	entries, err := shipped.ReadDir(".")
	if err != nil {
		panic(err) // it is part of this binary
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Load returns the workload of that name, or else of that file.
func Load(name string) (Workload, error) {
	text, err := shipped.ReadFile(name + ".yaml")
	if err != nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return Workload{}, fmt.Errorf("read the workload: %w; give a file, or one of %s", err, strings.Join(Names(), ", "))
	}
	w, err := Parse(text)
	if err != nil {
		return w, fmt.Errorf("the workload %s: %w", name, err)
	}
	w.Name = strings.TrimSuffix(filepath.Base(name), ".yaml")
	return w, nil
}

// Parse reads a workload file. What it leaves out is as in Default; a key that
// there is not is an error.
func Parse(text []byte) (Workload, error) {
	w := Default()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&w); err != nil && !errors.Is(err, io.EOF) {
		return w, plain(err)
	}
	return w, w.Check()
}

var (
	unknownKey = regexp.MustCompile(`field (\S+) not found in type workload\.(\w+)`)
	wrongType  = regexp.MustCompile("cannot unmarshal (!!\\w+(?: `.*`)?) into (\\S+)")
)

// plain says in the words of the file what the decoder says in those of Go.
func plain(err error) error {
	kinds := map[string]string{
		"int": "a number", "uint64": "a number that is not negative", "float64": "a number", "string": "a text",
		"time.Duration": "a time such as 20ms", "workload.Recipients": "an object", "workload.Provider": "an object", "workload.Workload": "an object",
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.Replace(text, "unmarshal errors:\n  ", "", 1)
	text = unknownKey.ReplaceAllString(text, "there is no key $1 here (docs/benchmarks.md has them all)")
	text = wrongType.ReplaceAllStringFunc(text, func(s string) string {
		parts := wrongType.FindStringSubmatch(s)
		what := parts[1]
		if _, value, ok := strings.Cut(what, " "); ok {
			what = value
		}
		return what + " is not " + kinds[parts[2]]
	})
	return errors.New(text)
}
