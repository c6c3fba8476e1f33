package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Subscription is what a member tells the leader of its group. It travels in the
// format of Kafka's own consumers, version 2 (ConsumerProtocolSubscription,
// KIP-429 and KIP-792), which Kafka's tools can show.
type Subscription struct {
	Topics     []string
	Owned      []Partition // what the member still has
	Generation int32       // in which it was given that; -1: in none
}

const subscriptionVersion = 2

func (s Subscription) encode() []byte {
	m := kmsg.ConsumerMemberMetadata{Version: subscriptionVersion, Topics: s.Topics, Generation: s.Generation}
	for _, indexes := range byTopic(len(s.Owned), func(i int) Partition { return s.Owned[i] }) {
		t := kmsg.ConsumerMemberMetadataOwnedPartition{Topic: s.Owned[indexes[0]].Topic}
		for _, i := range indexes {
			t.Partitions = append(t.Partitions, s.Owned[i].Index)
		}
		m.OwnedPartitions = append(m.OwnedPartitions, t)
	}
	return m.AppendTo(nil)
}

// decodeSubscription returns an empty one where it cannot be read: a member that
// is subscribed to nothing and is given nothing.
func decodeSubscription(b []byte) Subscription {
	m := kmsg.NewConsumerMemberMetadata()
	if err := m.ReadFrom(b); err != nil {
		return Subscription{Generation: -1}
	}
	s := Subscription{Topics: m.Topics, Generation: m.Generation}
	for _, t := range m.OwnedPartitions {
		for _, p := range t.Partitions {
			s.Owned = append(s.Owned, Partition{t.Topic, p})
		}
	}
	return s
}

func encodeAssignment(share []Partition) []byte {
	var a kmsg.ConsumerMemberAssignment
	for _, indexes := range byTopic(len(share), func(i int) Partition { return share[i] }) {
		t := kmsg.ConsumerMemberAssignmentTopic{Topic: share[indexes[0]].Topic}
		for _, i := range indexes {
			t.Partitions = append(t.Partitions, share[i].Index)
		}
		a.Topics = append(a.Topics, t)
	}
	return a.AppendTo(nil)
}

// decodeAssignment takes no bytes for no partitions: what a broker answers a
// member that the leader left out.
func decodeAssignment(b []byte) ([]Partition, error) {
	var a kmsg.ConsumerMemberAssignment
	if len(b) == 0 {
		return nil, nil
	}
	if err := a.ReadFrom(b); err != nil {
		return nil, fmt.Errorf("the leader's share of partitions cannot be read: %w", err)
	}
	var share []Partition
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			share = append(share, Partition{t.Topic, p})
		}
	}
	return share, nil
}
