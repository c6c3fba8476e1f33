package engine

import (
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Where a topic was made anew, or has lost its last records, other records
// stand at the offsets that `status` and the ledger know. One of them must not
// pass for finished because of what stood there before: it would never be sent.
// The operator's word has from where on that is so, and it stays in `control`.

// anewFrom returns from which offset on the log is another one than before the
// record was written.
func anewFrom(r *controlv1.Record) (offset int64, anew bool) {
	a := r.GetAcceptance()
	return a.GetAnewFrom(), a != nil && a.AnewFrom != nil
}

// forgetOthers drops, of what was restored, the finished offsets that may be
// other records'. Those of this log are known by the commit, and by their ids.
func (o *operator) forgetOthers(inputs [2]kafka.Partition, done [2]map[int64]bool) {
	for i, p := range inputs {
		from, anew := anewFrom(o.Acceptance(p))
		if !anew {
			continue
		}
		for offset := range done[i] {
			if offset >= from {
				delete(done[i], offset)
			}
		}
	}
}
