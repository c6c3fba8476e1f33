package shard

import "strings"

// Low returns the offset to commit for an input. It is safe from any goroutine.
func (s *Shard) Low(in int) int64 { return s.low[in].Load() }

// Newest returns when the newest record that was taken in was accepted, in Unix
// milliseconds; 0 before the first. It is safe from any goroutine.
func (s *Shard) Newest(in int) int64 { return s.last[in].Load() }

// Parked is how many of a shard's sends wait on disk.
type Parked struct {
	// ByChannel counts them by channel; "" holds those without one.
	ByChannel map[string]int
	// ByLane counts those that count for a bound, by their lane's line: see
	// LaneName. Those that wait for a time, or are paused, do not.
	ByLane map[string]int
	// InDoubt counts those that are held until an operator decides.
	InDoubt int
}

// LaneName is the name in Parked of a lane's sends of one priority.
func LaneName(channel, account string, bulk bool) string { return queueName(channel, account, bulk) }

// Parked returns how many sends are parked. It is safe from any goroutine; the
// maps are not to be changed.
func (s *Shard) Parked() Parked { return *s.parked.Load() }

func (s *Shard) publish() {
	for i := range s.inputs {
		s.low[i].Store(s.inputs[i].tracker.Low())
	}
}

// publishParked is for when rows came or went.
func (s *Shard) publishParked() {
	p := Parked{ByChannel: map[string]int{}, ByLane: map[string]int{}}
	s.env.Ledger.Queues(func(queue string, rows int, _ int64) {
		lane := laneQueue(queue)
		channel, _, _ := strings.Cut(queue, "/")
		switch {
		case lane == heldQueue:
			p.ByChannel[""] += rows
			p.InDoubt += rows
		case waitsForTime(queue):
			p.ByChannel[""] += rows
		case queue == openQueue: // under way, not waiting
		default:
			p.ByChannel[channel] += rows
			if strings.TrimSuffix(queue, orderedRows) == lane { // as room has it
				p.ByLane[lane] += rows
			}
		}
	})
	s.parked.Store(&p)
}
