// Package lane paces attempts to one account of one channel: a queue, the
// account's rate limit, and the stream to its plugin. It is shared by all
// shards of the node.
package lane

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/limit"
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
	// Waited: it has been parked, or Limited. Limits keep it in the lane sooner than
	// what is new.
	Waited bool
	// NotBefore is when it may come again, in Unix milliseconds, and Limit which limit
	// it is, with a result that is Limited.
	NotBefore int64
	Limit     limit.Dimension
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
	// Limited: returned unsent, since a limit lets it go at its NotBefore at the
	// soonest, and what waits in a lane keeps others out of it.
	Limited
)

// ends says whether an attempt ends now instead of beginning, and how.
func (a *Attempt) ends(now time.Time) (Outcome, bool) {
	switch ms := now.UnixMilli(); {
	case a.Expires != 0 && a.Expires <= ms && !fault.Mutant(fault.ExpiredGoesOut):
		return Expired, true
	case a.Until != 0 && a.Until <= ms:
		return Returned, true
	case a.Send.TestMode && !fault.Mutant(fault.TestModeGoesOut):
		return Tested, true
	}
	return Answered, false
}
