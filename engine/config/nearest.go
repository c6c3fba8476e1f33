package config

import "strings"

// nearest returns the name that is most like word, or "" where none is near
// enough to be what was meant.
func nearest(word string, names []string) string {
	if len(word) > 64 {
		return "" // nobody meant one of ours, and the distance costs its square
	}
	best, distance := "", max(2, len(word)/3)+1
	for _, name := range names {
		if d := editDistance(fold(word), fold(name)); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// fold makes sessionTimeout, session-timeout and session_timeout the same.
func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment).
func editDistance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
