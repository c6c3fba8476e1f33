package lane

import (
	"fmt"
	"testing"
)

// fifo is what a queue without turns costs.
type fifo struct {
	items []*Attempt
	head  int
}

func (q *fifo) Push(a *Attempt) {
	if q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, a)
}

func (q *fifo) Pop() *Attempt {
	a := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	return a
}

// BenchmarkQueue is a push and a pop, of runs of 100, with so many waiting.
func BenchmarkQueue(b *testing.B) {
	for _, c := range []struct{ apps, campaigns, waiting int }{
		{1, 1, 0}, // each run of 100 finds it empty
		{1, 1, 8192},
		{100, 100, 8192},
		{1000, 10_000, 0}, // all campaigns end, and begin anew
		{1000, 10_000, 20_000},
	} {
		all := make([]*Attempt, 0, c.waiting+c.campaigns+100)
		for i := range cap(all) {
			n := i % c.campaigns
			all = append(all, of(fmt.Sprintf("tenant-%d/campaign-%d", n%c.apps, n), 1)...)
		}
		name := fmt.Sprintf("apps=%d/campaigns=%d/waiting=%d", c.apps, c.campaigns, c.waiting)
		b.Run("fifo/"+name, func(b *testing.B) { pushAndPop(b, &fifo{}, all, c.waiting) })
		b.Run("turns/"+name, func(b *testing.B) { pushAndPop(b, &Queue{}, all, c.waiting) })
	}
}

func pushAndPop(b *testing.B, q interface {
	Push(*Attempt)
	Pop() *Attempt
}, all []*Attempt, waiting int) {
	for _, a := range all[:waiting] {
		q.Push(a)
	}
	rest := append([]*Attempt(nil), all[waiting:]...)
	b.ReportAllocs()
	b.ResetTimer()
	for n, at := 0, 0; n < b.N; n, at = n+100, at+100 {
		if at+100 > len(rest) {
			at = 0
		}
		for _, a := range rest[at : at+100] {
			q.Push(a)
		}
		for i := range 100 {
			rest[at+i] = q.Pop()
		}
	}
}
