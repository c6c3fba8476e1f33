package shard

import "strings"

// Low returns the offset to commit for an input. It is safe from any goroutine.
func (s *Shard) Low(in int) int64 { return s.low[in].Load() }

// Newest returns when the newest record that was taken in was accepted, in Unix
// milliseconds; 0 before the first. It is safe from any goroutine.
func (s *Shard) Newest(in int) int64 { return s.last[in].Load() }

// Parked returns how many sends are parked, by channel; "" holds those without
// one. It is safe from any goroutine.
func (s *Shard) Parked() map[string]int {
	if p := s.parked.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Shard) publish() {
	for i := range s.inputs {
		s.low[i].Store(s.inputs[i].tracker.Low())
	}
}

// publishParked is for when rows came or went.
func (s *Shard) publishParked() {
	by := map[string]int{}
	s.env.Ledger.Queues(func(queue string, rows int, _ int64) {
		channel, _, _ := strings.Cut(queue, "/")
		switch {
		case queue == timeQueue, laneQueue(queue) == heldQueue, strings.HasSuffix(queue, timeRows):
			by[""] += rows
		case queue == openQueue: // under way, not waiting
		default:
			by[channel] += rows
		}
	})
	s.parked.Store(&by)
}
