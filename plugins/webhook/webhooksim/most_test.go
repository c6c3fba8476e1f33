package webhooksim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Within any second, by the clock of the receiver, each path has as many requests
// taken as it may, and no fewer than were possible.
func TestMostInASecond(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := &most{n: 5, last: map[string]*ring{}}
	now := time.Now()
	taken := map[string][]time.Time{}
	for range 20_000 {
		now = now.Add(time.Duration(random.IntN(150)) * time.Millisecond)
		path := []string{"/a", "/b"}[random.IntN(2)]
		in := 0
		for _, at := range taken[path] {
			if now.Sub(at) < time.Second {
				in++
			}
		}
		if ok := m.take(path, now); ok != (in < 5) {
			t.Fatalf("with %d in the last second: taken %v", in, ok)
		} else if ok {
			taken[path] = append(taken[path], now)
			taken[path] = taken[path][max(0, len(taken[path])-10):]
		}
	}
}
