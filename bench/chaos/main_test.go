package chaos

import (
	"testing"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
)

// TestMain lets this test binary be what the real one is as well: a node, a
// plugin's process, and a broker's.
func TestMain(m *testing.M) { rigtest.Main(m, nil) }
