package outcome

import (
	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Own says that partitions were claimed (kafka.Client.Claim) and that id is the
// identity to write to them with. It is called before the first Produce under
// that claim, with an id of its own for each claim: sequence numbers begin at 0.
//
// What was handed over under an earlier identity and is not done ends with
// ErrFenced, before anything of the new one is. An owned partition never begins
// anew by itself: that would take it back from a newer owner. When Kafka no
// longer accepts its identity, it is disowned.
func (p *Producer) Own(id kafka.ProducerID, parts ...kafka.Partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range parts {
		c := &calls{}
		if before := p.partitions[part]; before != nil {
			p.fence(before)
			c = before.calls
		}
		q := p.begin(part, c)
		q.owned, q.producer = true, &id
	}
}

// Disown ends what is left of the partitions with ErrFenced, and every later
// Produce to them, until they are owned again. It does not wait: the calls come
// from a goroutine of the producer's. A request that is under way goes on; so
// records that end with ErrFenced may have been stored, or still be.
func (p *Producer) Disown(parts ...kafka.Partition) {
	if fault.Mutant(fault.DisownNothing) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range parts {
		q := p.partitions[part]
		if q == nil {
			q = p.begin(part, &calls{})
		}
		p.fence(q)
	}
}
