package workload

import (
	"fmt"
	"math/rand/v2"
)

var words = []string{
	"hello", "the", "parcel", "with", "your", "order", "left", "our", "warehouse", "this", "morning", "and", "should",
	"be", "with", "you", "within", "two", "days", "follow", "it", "on", "its", "way", "or", "choose", "another", "day",
	"for", "delivery", "thank", "we", "will", "write", "again", "when", "it", "arrives",
}

// prose returns n bytes of words.
func prose(rng *rand.Rand, n int) string {
	text := make([]byte, 0, n+16)
	for len(text) < n {
		text = append(append(text, words[rng.IntN(len(words))]...), ' ')
	}
	return string(text[:n])
}

// data returns a JSON object of n members, each a text of 16 bytes.
func data(rng *rand.Rand, n int) []byte {
	text := []byte{'{'}
	for k := range n {
		if k > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, `"key%d":"%016x"`, k, rng.Uint64())
	}
	return append(text, '}')
}
