// Package lane paces attempts to one account of one channel: a queue, the
// account's rate limit, and the stream to its plugin. It is shared by all
// shards of the node.
package lane

import (
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Attempt is one try at one send on its way through a lane. The lane owns it
// from Push until its result is given to Owner.
type Attempt struct {
	Send    *carillonv1.Send
	Address *channelv1.Address
	// Key is the provider's idempotency key, the same for all attempts.
	Key string
	// Number is 1 for the first attempt.
	Number uint32
	Bulk   bool
	// Expires is when the send loses its worth, in Unix milliseconds.
	Expires int64
	// Until is when it may no longer begin, in Unix milliseconds, and is Returned
	// instead; 0 is never.
	Until int64
	// Owner is told the result. Ref is the owner's own.
	Owner Owner
	Ref   any

	token    uint64
	deadline int64 // Unix milliseconds: past it the result counts as unknown
	began    time.Time
	next     *Attempt // in its queue
}

// Owner takes results. Its method is called from the lane's goroutines and
// must not block.
type Owner interface {
	Results([]Result)
}

// Result is how an attempt ended.
type Result struct {
	*Attempt
	// Outcome is what became of it in the lane.
	Outcome Outcome
	// Verdict is the plugin's, with Outcome Answered.
	Verdict *channelv1.Result
}

// Outcome is what became of an attempt in its lane.
type Outcome uint8

const (
	// Answered by the plugin.
	Answered Outcome = iota
	// Lost: it was given to the plugin, and no answer came in time or at all.
	Lost
	// Expired before it was given to the plugin.
	Expired
	// Tested: it got as far as a send in test mode goes.
	Tested
	// Returned unsent, since the lane stops, its owner withdrew it, or its Until has
	// come.
	Returned
)
