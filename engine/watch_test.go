package engine

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/metrics.md has the series that engine/metrics does not know of.
func TestLedgerSeriesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ledgerSeries {
		if row := fmt.Sprintf("| `%s` | gauge |  | %s |\n", m.name, m.help); !strings.Contains(string(page), row) {
			t.Errorf("docs/metrics.md has no row %s", row)
		}
	}
}
