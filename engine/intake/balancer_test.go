package intake

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/kafka"
)

// drawClaims draws members that claim shards at random, so that claims overlap,
// are of other generations, or are about shards that there are not.
func drawClaims(t *rapid.T, shards int32, members int) []claim {
	claims := make([]claim, members)
	for i := range claims {
		claims[i] = claim{
			member:     fmt.Sprintf("node-%d", i),
			generation: rapid.Int32Range(-1, 3).Draw(t, "generation"),
			shards:     rapid.SliceOfN(rapid.Int32Range(-1, shards), 0, int(shards)+2).Draw(t, "claimed"),
		}
	}
	return claims
}

// Every shard has one owner; counts differ by one at most; the order in which
// members come changes nothing.
func TestSharesAreEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.Int32Range(1, 200).Draw(t, "shards")
		claims := drawClaims(t, shards, rapid.IntRange(1, 40).Draw(t, "members")) // also more than shards
		shares := share(shards, claims)
		again := share(shards, rapid.Permutation(claims).Draw(t, "order"))
		owners, least, most := map[int32]string{}, int(shards), 0
		for member, share := range shares {
			if !slices.Equal(share, again[member]) {
				t.Fatalf("%s has %v, and %v in another order", member, share, again[member])
			}
			for _, id := range share {
				if other, taken := owners[id]; taken || id < 0 || id >= shards {
					t.Fatalf("%d is given to %s and %s", id, other, member)
				}
				owners[id] = member
			}
			least, most = min(least, len(share)), max(most, len(share))
		}
		if len(owners) != int(shards) || most-least > 1 || len(shares) != len(claims) {
			t.Fatalf("%d of %d shards are given, to %d of %d members, by %d to %d", len(owners), shards, len(shares), len(claims), least, most)
		}
	})
}

// As many shards stay as can in any even assignment: all of those are tried.
func TestSharesAreSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.Int32Range(1, 6).Draw(t, "shards")
		claims := drawClaims(t, shards, rapid.IntRange(1, 4).Draw(t, "members"))
		had := map[int32]int{}
		for i, c := range settleClaims(shards, claims) {
			for _, id := range c.shards {
				had[id] = i
			}
		}
		best := 0
		var try func(id int32, counts []int, stay int)
		try = func(id int32, counts []int, stay int) {
			if id == shards {
				if slices.Max(counts)-slices.Min(counts) <= 1 {
					best = max(best, stay)
				}
				return
			}
			for i := range claims {
				counts[i]++
				if owner, claimed := had[id]; claimed && owner == i {
					try(id+1, counts, stay+1)
				} else {
					try(id+1, counts, stay)
				}
				counts[i]--
			}
		}
		try(0, make([]int, len(claims)), 0)
		stay := 0
		for i, c := range claims {
			for _, id := range share(shards, claims)[c.member] {
				if owner, claimed := had[id]; claimed && owner == i {
					stay++
				}
			}
		}
		if stay != best {
			t.Fatalf("%d shards stay with their owners, %d could", stay, best)
		}
	})
}

// Members come and go one by one: none of those who stay gives up more than what
// the newcomer is due, and nothing moves between them.
func TestSharesOfThoseWhoStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.Int32Range(1, 64).Draw(t, "shards")
		shares := map[string][]int32{}
		joined := 0
		for generation := range rapid.Int32Range(1, 20).Draw(t, "generations") {
			before := maps.Clone(shares)
			if members := slices.Sorted(maps.Keys(shares)); len(members) > 1 && rapid.Bool().Draw(t, "leave") {
				delete(shares, rapid.SampledFrom(members).Draw(t, "who"))
			} else {
				joined++
				shares[fmt.Sprintf("node-%d", joined)] = nil
			}
			var claims []claim
			for member, has := range shares {
				claims = append(claims, claim{member, generation, has})
			}
			shares = share(shards, claims)
			even := int(shards) / len(shares)
			for member, has := range shares {
				gained := 0
				for _, id := range has {
					if !slices.Contains(before[member], id) {
						gained++
					}
				}
				lost := len(before[member]) + gained - len(has)
				if gained > 0 && lost > 0 {
					t.Fatalf("%s gave up %d shards and was given %d others", member, lost, gained)
				}
				if lost > 0 && len(has) < even {
					t.Fatalf("%s gave up %d shards and has %d of %d", member, lost, len(has), even)
				}
			}
		}
	})
}

func TestClaims(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims []claim
		want   map[string][]int32
	}{
		{"who was given a shard last keeps it", []claim{{"a", 4, []int32{0, 1}}, {"b", 5, []int32{1}}}, map[string][]int32{"a": {0}, "b": {1}}},
		{"in whatever order they say so", []claim{{"b", 5, []int32{1}}, {"a", 4, []int32{0, 1}}}, map[string][]int32{"a": {0}, "b": {1}}},
		// 0 is disputed: it goes to who has room, which is c.
		{"of one generation, neither", []claim{{"a", 5, []int32{0, 1}}, {"b", 5, []int32{0, 2}}, {"c", -1, nil}}, map[string][]int32{"a": {1}, "b": {2}, "c": {0}}},
		{"a third, later claim ends the dispute", []claim{{"a", 5, []int32{0}}, {"b", 5, []int32{0}}, {"c", 6, []int32{0, 1, 2}}}, map[string][]int32{"a": {1}, "b": {2}, "c": {0}}},
		{"the same shard twice in one claim", []claim{{"a", 5, []int32{1, 1}}, {"b", 4, []int32{1, 0}}}, map[string][]int32{"a": {1}, "b": {0}}},
		{"nobody", nil, map[string][]int32{}},
	} {
		shards := int32(0)
		for _, s := range c.want {
			shards += int32(len(s))
		}
		if got := share(shards, c.claims); !maps.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// A shard is owned where all its topics are.
func TestWholeShards(t *testing.T) {
	topics := []string{"sends", "sends.bulk"}
	var parts []kafka.Partition
	for _, id := range []int32{2, 0, 1} {
		parts = append(parts, kafka.Partition{Topic: "sends", Index: id}, kafka.Partition{Topic: "other", Index: id})
	}
	for _, id := range []int32{1, 2, 7} {
		parts = append(parts, kafka.Partition{Topic: "sends.bulk", Index: id})
	}
	if got := whole(parts, topics); !slices.Equal(got, []int32{1, 2}) {
		t.Error(got)
	}
}
