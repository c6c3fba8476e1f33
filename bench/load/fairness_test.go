package load

import (
	"slices"
	"testing"
)

// What counts is the time in which all tenants wait.
func TestTogether(t *testing.T) {
	repeat := func(n int, all ...int) []int { return slices.Repeat(all, n) }
	for _, c := range []struct {
		name   string
		order  []int
		before int
		index  float64
	}{
		{"in turn, after the first had the lane for itself", slices.Concat(repeat(50, 0), repeat(100, 0, 1, 2, 3), repeat(30, 0)), 50 + 4*10, 0.9999},
		{"in the order of the log", slices.Concat(repeat(50, 0), repeat(50, 1, 2, 3)), 50 + 3*5, 0},
		{"one gets half of all", slices.Concat(repeat(100, 0, 1, 0, 2, 0, 3), []int{0}), 6 * 10, 0.74},
	} {
		counts, before := together(c.order, 4)
		if index := jain(counts); before != c.before || index < c.index || index > c.index+0.01 {
			t.Errorf("%s: after %d, index %.4f of %v; want after %d, %.4f", c.name, before, index, counts, c.before, c.index)
		}
	}
}
