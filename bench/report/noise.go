package report

import (
	"math"
	"slices"
)

// interval is where the difference of two figures probably lies.
type interval struct{ low, high float64 }

func (i interval) has(v float64) bool { return i.low <= v && v <= i.high }

// within says that it goes no further from 0 than that.
func (i interval) within(far float64) bool { return max(-i.low, i.high) <= far }

// changed is the interval of a change in percent: by the ratios of the rounds,
// as a machine's noise makes a program so many times slower, or by their
// differences where one is 0 or less.
func changed(before, after Figure) (i interval, ok bool) {
	if least := append(slices.Clone(before.Rounds), after.Rounds...); len(least) > 0 && slices.Min(least) > 0 {
		i, ok = difference(logs(before.Rounds), logs(after.Rounds))
		return interval{100 * math.Expm1(i.low), 100 * math.Expm1(i.high)}, ok
	}
	i, ok = difference(before.Rounds, after.Rounds)
	whole := math.Abs(before.Value) / 100
	if whole == 0 {
		whole = 1 // there are no percent of 0, but the sign tells what there is to know
	}
	return interval{i.low / whole, i.high / whole}, ok
}

func logs(all []float64) []float64 {
	out := make([]float64, len(all))
	for i, v := range all {
		out[i] = math.Log(v)
	}
	return out
}

// minRounds is how many rounds both runs must have together, two of each at
// least: two against two differ by chance too often, whatever one does.
const minRounds = 5

// difference returns the 95 % interval of how much the rounds of after differ
// from those of before: the middle of all differences of one of these and one
// of those (Hodges and Lehmann 1963), which supposes nothing about how a
// machine's noise is distributed, and to which one bad round does little. It has
// 0 in it exactly if the test of Mann and Whitney finds no difference at 5 %.
//
// Where even the widest interval is not as sure as that (two rounds against
// seven, three against four, and fewer), it is made twice as wide, about its middle:
// that errs in less than 5 of 100 cases of normally distributed noise, which
// TestDifferenceIsRarelyWrong shows.
func difference(before, after []float64) (i interval, ok bool) {
	m, n := len(before), len(after)
	if min(m, n) < 2 || m+n < minRounds {
		return interval{}, false
	}
	all := make([]float64, 0, m*n)
	for _, a := range after {
		for _, b := range before {
			all = append(all, a-b)
		}
	}
	slices.Sort(all)
	k := cut(m, n)
	if k > 0 {
		return interval{all[k-1], all[len(all)-k]}, true
	}
	low, high := all[0], all[len(all)-1]
	half := (high - low) / 2
	return interval{low - half, high + half}, true
}

// cut is the rank of the interval's ends among the m·n differences, from either
// end: the most for which chance alone has a rank sum beyond it in 2.5 of 100
// cases on each side. 0: even the outermost are not as rare.
func cut(m, n int) int {
	const side = 0.025
	pairs := m * n
	if m > exactRounds || n > exactRounds {
		mean, deviation := float64(pairs)/2, math.Sqrt(float64(pairs)*float64(m+n+1)/12)
		return int(mean - 1.96*deviation)
	}
	ways := rankSums(m, n)
	total := 0.0
	for _, w := range ways {
		total += w
	}
	sum := 0.0
	for k, w := range ways {
		if sum += w; sum > side*total {
			return k
		}
	}
	return 0
}

// exactRounds is up to where a float64 holds the number of orders exactly;
// beyond, the distribution is as good as normal.
const exactRounds = 25

// rankSums returns in how many of the orders of m and n values the statistic U
// of Mann and Whitney is 0, 1, ..., m·n: the coefficients of the Gaussian
// binomial, made by multiplying with (1-x^(n+i)) and dividing by (1-x^i).
func rankSums(m, n int) []float64 {
	ways := make([]float64, m*n+1)
	ways[0] = 1
	for i := 1; i <= m; i++ {
		for u := len(ways) - 1; u >= n+i; u-- {
			ways[u] -= ways[u-n-i]
		}
		for u := i; u < len(ways); u++ {
			ways[u] += ways[u-i]
		}
	}
	return ways
}
