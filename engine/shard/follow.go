package shard

import "github.com/carillonhq/carillon/engine/kafka"

// A standby restores again and again, to be near when it has to take over.

// Reached says whether the shard's topics have been read up to these ends.
func (r *Restorer) Reached(ends map[kafka.Partition]int64) bool {
	at := r.Ledger.Position()
	return at.Status >= ends[kafka.Partition{Topic: r.Config.Topics.Status, Index: r.Config.ID}] &&
		at.Ledger >= ends[kafka.Partition{Topic: r.Config.Topics.Ledger, Index: r.Config.ID}]
}

// Forget drops what is known of finished records below the committed offsets:
// they are not read again.
func (r *Restorer) Forget(committed [2]int64) {
	for i, low := range committed {
		r.Config.Found[i].Low = max(r.Config.Found[i].Low, low)
		for offset := range r.done[i] {
			if offset < low {
				delete(r.done[i], offset)
			}
		}
	}
}
