package ledger

import (
	"sync/atomic"

	"github.com/carillonhq/carillon/engine/table"
)

// Usage is the memory of a ledger's dedupe index, and says how much there is. The
// zero value is ready to use, and safe for concurrent use.
type Usage struct {
	table.Memory
	ids atomic.Int64
}

// IDs returns how many ids the index held after the last batch of each shard.
func (u *Usage) IDs() int64 { return u.ids.Load() }
