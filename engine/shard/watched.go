package shard

import (
	"container/heap"
	"time"
)

// watched are the chains in which somebody waits, by when they are to be looked at.
type watched []*chain

func (w watched) Len() int           { return len(w) }
func (w watched) Less(i, j int) bool { return w[i].lookAt.Before(w[j].lookAt) }
func (w watched) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].watched, w[j].watched = i, j
}

func (w *watched) Push(x any) {
	c := x.(*chain)
	c.watched = len(*w)
	*w = append(*w, c)
}

func (w *watched) Pop() any {
	last := len(*w) - 1
	c := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	c.lookAt = time.Time{}
	return c
}

// watch has a chain looked at, not later than then.
func (s *Shard) watch(c *chain, at time.Time) {
	switch {
	case c.lookAt.IsZero():
		c.lookAt = at
		heap.Push(&s.watched, c)
	case at.Before(c.lookAt):
		c.lookAt = at
		heap.Fix(&s.watched, c.watched)
	}
}

func (s *Shard) unwatch(c *chain) {
	if !c.lookAt.IsZero() {
		heap.Remove(&s.watched, c.watched)
	}
}
