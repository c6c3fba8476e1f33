package rate

import (
	"testing"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
)

func TestMain(m *testing.M) { rigtest.Main(m, nil) }
