package kafka

import (
	"fmt"
	"time"
)

// Partition names one partition of one topic.
type Partition struct {
	Topic string
	Index int32
}

// String shows the partition as "topic/3", the way logs and errors do.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Index) }

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte // nil when the header has no value
}

// Record is one record of a partition.
//
// Of a fetched record, Key, Value and the values of Headers alias the buffer
// of the answer they came in: they are read-only, and stay valid for as long
// as anybody refers to them (they also keep that buffer alive).
type Record struct {
	Offset  int64     // ignored when producing
	Time    time.Time // milliseconds; when producing, zero means the time of Batch.Append
	Key     []byte    // nil when absent
	Value   []byte    // nil is a tombstone
	Headers []Header
}

// FetchPartition says from where to read one partition.
type FetchPartition struct {
	Partition
	Offset   int64
	MaxBytes int32 // a batch larger than this is still answered whole, if it is the first of the answer
}

// Commit is the committed position of a group in one partition.
type Commit struct {
	Partition
	Offset   int64  // the next offset to read; -1 when the group has committed none
	Metadata string // at most 4096 bytes with a broker's defaults
}

// ProducerID is what a broker knows an idempotent producer by.
type ProducerID struct {
	ID    int64
	Epoch int16
}

// ProducePartition is one encoded batch on its way to one partition.
type ProducePartition struct {
	Partition
	Batch []byte // what Batch.Encode returned
}

// Produced is the broker's answer for one partition.
type Produced struct {
	Partition
	BaseOffset int64 // offset of the batch's first record, or -1
	Err        error // a kafkago.Error, or nil
}

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int
	Replication int               // -1: the broker's default
	Config      map[string]string // retention.ms, cleanup.policy, …
}

// Times for Offsets that stand for a place rather than a moment.
var (
	// Earliest stands for the first offset the broker still has.
	Earliest = time.UnixMilli(-2)
	// Latest stands for the offset the next record will get. With open
	// transactions it is the last stable offset, behind which nobody may read.
	Latest = time.UnixMilli(-1)
)

// byTopic groups the indexes of n partitions by topic, as Kafka's requests
// list them, in the order in which the topics first appear.
func byTopic(n int, at func(int) Partition) [][]int {
	var topics [][]int
	place := map[string]int{}
	for i := range n {
		topic := at(i).Topic
		t, ok := place[topic]
		if !ok {
			t = len(topics)
			place[topic] = t
			topics = append(topics, nil)
		}
		topics[t] = append(topics[t], i)
	}
	return topics
}
