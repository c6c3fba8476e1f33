package load

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
)

// A send that the provider never saw, or saw twice, fails every command. Its
// ledger is what they go by, so that is what is changed behind their backs.
func TestLostAndDoubledFail(t *testing.T) {
	commands := map[string]func(context.Context, Config) (*report.Result, error){
		"broadcast": func(ctx context.Context, c Config) (*report.Result, error) { return Broadcast(ctx, c, 1) },
		"latency": func(ctx context.Context, c Config) (*report.Result, error) {
			return Latency(ctx, c, 500, time.Second, 1)
		},
		"isolation": func(ctx context.Context, c Config) (*report.Result, error) {
			bulk := workload.Default()
			bulk.Sends = 2000
			return Isolation(ctx, c, bulk, 500, time.Second/2, 1)
		},
		"scale": func(ctx context.Context, c Config) (*report.Result, error) {
			return Scale(ctx, c, []int{1}, []int{1000}, 1)
		},
		"soak": func(ctx context.Context, c Config) (*report.Result, error) { return Soak(ctx, c, 500, 2*time.Second) },
	}
	for name, run := range commands {
		for _, wrong := range []string{"lost", "doubled"} {
			t.Run(name+" "+wrong, func(t *testing.T) {
				c := small(t, 1000)
				go rigtest.Tamper(t.Context(), c.Dir, wrong == "doubled")
				r, err := run(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				said := map[string]string{"lost": "the provider saw none", "doubled": "reached their recipient more than once"}[wrong]
				if f := r.Figure(wrong); r.Passed || f.Value == 0 || !strings.Contains(strings.Join(r.Problems, "; "), said) {
					t.Errorf("passed: %v, %s: %v, problems: %v", r.Passed, wrong, f.Value, r.Problems)
				}
			})
		}
	}
}
