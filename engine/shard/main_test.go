package shard

import (
	"flag"
	"os"
	"testing"
)

// TestMain has the simulation draw the same in each run, so that a change passes or
// fails by what it changes. `make explore` draws anew.
func TestMain(m *testing.M) {
	flag.Parse()
	drawn := false
	flag.Visit(func(f *flag.Flag) { drawn = drawn || f.Name == "rapid.seed" })
	if !drawn {
		if err := flag.Set("rapid.seed", "1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
