package intake

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// claim is what a member of the group says that it has.
type claim struct {
	member     string
	generation int32 // in which it was given that
	shards     []int32
}

// share shares n shards out among the members: evenly, which is to say that
// their counts differ by one at most, and so that as few as possible move. It
// depends on nothing else, not even on the claims' order.
func share(n int32, claims []claim) map[string][]int32 {
	shares := make(map[string][]int32, len(claims))
	if len(claims) == 0 {
		return shares
	}
	kept := settleClaims(n, claims)
	// Those with the most keep the one that does not come out even.
	slices.SortFunc(kept, func(a, b claim) int {
		return cmp.Or(cmp.Compare(len(b.shards), len(a.shards)), strings.Compare(a.member, b.member))
	})
	free := make(map[int32]bool, n)
	for id := range n {
		free[id] = true
	}
	quota := func(i int) int { return (int(n) + len(kept) - 1 - i) / len(kept) }
	for i, c := range kept {
		c.shards = c.shards[:min(len(c.shards), quota(i))]
		shares[c.member] = c.shards
		for _, id := range c.shards {
			delete(free, id)
		}
	}
	next := int32(0)
	for i, c := range kept {
		for len(shares[c.member]) < quota(i) {
			if free[next] {
				shares[c.member] = append(shares[c.member], next)
			}
			next++
		}
		slices.Sort(shares[c.member])
	}
	return shares
}

// settleClaims leaves each shard to one member at most: to the one that was
// given it last. Where two say so of one generation, neither is believed.
func settleClaims(n int32, claims []claim) []claim {
	type owner struct {
		claim int // index; -1: disputed
		since int32
	}
	owners := make(map[int32]owner, n)
	for i, c := range claims {
		for _, id := range c.shards {
			switch o, taken := owners[id]; {
			case id < 0 || id >= n || taken && o.since > c.generation || taken && o.claim == i:
			case taken && o.since == c.generation && !fault.Mutant(fault.DisputeIgnored):
				owners[id] = owner{-1, o.since}
			default:
				owners[id] = owner{i, c.generation}
			}
		}
	}
	settled := make([]claim, len(claims))
	for i, c := range claims {
		settled[i] = claim{member: c.member, generation: c.generation}
	}
	for id := range n {
		if o, taken := owners[id]; taken && o.claim >= 0 {
			settled[o.claim].shards = append(settled[o.claim].shards, id)
		}
	}
	return settled
}

// shareOut is the leader's part: it shares the shards out among the members that
// read our inputs.
func (m *member) shareOut(ctx context.Context, members []kafka.GroupMember) (map[string][]kafka.Partition, error) {
	counts, err := m.Client.Partitions(ctx, m.Topics)
	if err != nil {
		return nil, err
	}
	n := int32(math.MaxInt32)
	for _, topic := range m.Topics {
		n = min(n, int32(counts[topic]))
	}
	if n == 0 {
		return nil, fmt.Errorf("the shards of group %s cannot be shared out: a topic of %s does not exist", m.ID, strings.Join(m.Topics, ", "))
	}
	var claims []claim
	for _, other := range members {
		if !subscribes(other.Topics, m.Topics) {
			m.log.Error().Str("member", other.ID).Strs("topics", other.Topics).Msg("a member of the group reads other topics " +
				"and gets no shards: its kafka.group or kafka.prefix is wrong")
			continue
		}
		claims = append(claims, claim{other.ID, other.Generation, whole(other.Owned, m.Topics)})
	}
	shares := map[string][]kafka.Partition{}
	for id, shards := range share(n, claims) {
		for _, shard := range shards {
			shares[id] = append(shares[id], partitions(m.Topics, shard)...)
		}
	}
	return shares, nil
}

func subscribes(has, wanted []string) bool {
	for _, topic := range wanted {
		if !slices.Contains(has, topic) {
			return false
		}
	}
	return true
}

// partitions are those of one shard.
func partitions(topics []string, shard int32) []kafka.Partition {
	parts := make([]kafka.Partition, len(topics))
	for i, topic := range topics {
		parts[i] = kafka.Partition{Topic: topic, Index: shard}
	}
	return parts
}

// whole returns the shards of which all topics' partitions are among parts.
func whole(parts []kafka.Partition, topics []string) []int32 {
	count := map[int32]int{}
	for _, p := range parts {
		if slices.Contains(topics, p.Topic) {
			count[p.Index]++
		}
	}
	var shards []int32
	for id, n := range count {
		if n == len(topics) {
			shards = append(shards, id)
		}
	}
	slices.Sort(shards)
	return shards
}
