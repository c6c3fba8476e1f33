package kafka_test

import (
	"slices"
	"testing"

	"github.com/carillonhq/carillon/engine/kafka"
)

func TestDescribeGroup(t *testing.T) { onEach(t, testDescribeGroup) }

func testDescribeGroup(t *testing.T, p peer) {
	if got, err := p.client.DescribeGroup(within(t), p.topic); err != nil || len(got.Members) != 0 || got.State != "Dead" {
		t.Errorf("a group that is none: %+v, %v", got, err)
	}
	zero, one := kafka.Partition{Topic: p.topic}, kafka.Partition{Topic: p.topic, Index: 1}
	d := p.delegate("one")
	d.enter(t)
	d.sync(t, map[string][]kafka.Partition{d.Joined.Member: {zero, one}})
	got, err := p.client.DescribeGroup(within(t), p.topic)
	if err != nil || got.State != "Stable" || len(got.Members) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if m := got.Members[0]; m.ID != d.Joined.Member || m.ClientID != "test" || m.Host == "" || !slices.Equal(m.Partitions, []kafka.Partition{zero, one}) {
		t.Errorf("%+v", m)
	}
}
