package intake

import (
	"fmt"
	"slices"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

// Every shard has one owner, the same for both topics; shares differ by one at
// most, and what members or partitions are listed first changes nothing.
func TestBalancer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 200).Draw(t, "shards")
		count := rapid.IntRange(1, 40).Draw(t, "members") // also more than shards
		var members []kafkago.GroupMember
		for i := range count {
			members = append(members, kafkago.GroupMember{ID: fmt.Sprintf("node-%d", i), Topics: []string{"sends", "sends.bulk"}})
		}
		var partitions []kafkago.Partition
		for _, topic := range []string{"sends", "sends.bulk"} {
			for i := range shards {
				partitions = append(partitions, kafkago.Partition{Topic: topic, ID: i})
			}
		}
		first := Balancer{}.AssignGroups(rapid.Permutation(members).Draw(t, "order"), rapid.Permutation(partitions).Draw(t, "listing"))
		second := Balancer{}.AssignGroups(slices.Clone(members), partitions)
		owners, least, most := map[int]string{}, shards, 0
		for _, m := range members {
			urgent, bulk, again := first[m.ID]["sends"], first[m.ID]["sends.bulk"], second[m.ID]["sends"]
			slices.Sort(urgent)
			slices.Sort(bulk)
			if !slices.Equal(urgent, bulk) || !slices.Equal(urgent, again) {
				t.Fatalf("%s owns %v and %v, and %v in another order", m.ID, urgent, bulk, again)
			}
			for _, id := range urgent {
				if other, taken := owners[id]; taken {
					t.Fatalf("%d is owned by %s and %s", id, other, m.ID)
				}
				owners[id] = m.ID
			}
			least, most = min(least, len(urgent)), max(most, len(urgent))
		}
		if len(owners) != shards || most-least > 1 || len(first) != count {
			t.Fatalf("%d of %d shards are owned, by %d to %d", len(owners), shards, least, most)
		}
	})
}

// A shard is owned where all its topics are.
func TestSharedTakesWholeShards(t *testing.T) {
	parts := func(ids ...int) (a []kafkago.PartitionAssignment) {
		for _, id := range ids {
			a = append(a, kafkago.PartitionAssignment{ID: id})
		}
		return a
	}
	got := shared(map[string][]kafkago.PartitionAssignment{"sends": parts(2, 0, 1), "sends.bulk": parts(1, 2, 7)}, []string{"sends", "sends.bulk"})
	if !slices.Equal(got, []int32{1, 2}) {
		t.Error(got)
	}
}
