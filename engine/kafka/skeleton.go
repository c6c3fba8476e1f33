package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

var errNotYet = errors.New("kafka: not written")

// Config says how to reach a cluster.
type Config struct {
	Brokers         []string
	ClientID        string
	TLS             *tls.Config
	SASL            sasl.Mechanism
	RequestTimeout  time.Duration
	MaxDecompressed int
}

// Client talks to one cluster.
type Client struct{ transport *kafkago.Transport }

// NewClient makes a client without I/O.
func NewClient(cfg Config) *Client               { return &Client{transport: &kafkago.Transport{}} }
func (c *Client) Close()                         {}
func (c *Client) Ping(ctx context.Context) error { return errNotYet }
func (c *Client) Transport() *kafkago.Transport  { return c.transport }
func (c *Client) Addr() net.Addr                 { return kafkago.TCP() }

// Fetched is the answer for one partition.
type Fetched struct {
	Partition
	Err                                 error
	HighWatermark, LastStable, LogStart int64
}

func (f *Fetched) Records(yield func(*Record) error) error { return errNotYet }
func (f *Fetched) Next() int64                             { return 0 }

func (c *Client) Fetch(ctx context.Context, parts []FetchPartition, minBytes, maxBytes int32, maxWait time.Duration) ([]Fetched, error) {
	return nil, errNotYet
}
func (c *Client) Leaders(ctx context.Context, topics []string) (map[Partition]int32, error) {
	return nil, errNotYet
}
func (c *Client) Partitions(ctx context.Context, topics []string) (map[string]int, error) {
	return nil, errNotYet
}
func (c *Client) Offsets(ctx context.Context, parts []Partition, at time.Time) (map[Partition]int64, error) {
	return nil, errNotYet
}
func (c *Client) CommitOffsets(ctx context.Context, group string, generation int32, member string, commits []Commit) error {
	return errNotYet
}
func (c *Client) CommittedOffsets(ctx context.Context, group string, parts []Partition) (map[Partition]Commit, error) {
	return nil, errNotYet
}
func (c *Client) InitProducerID(ctx context.Context, transactionalID string) (ProducerID, error) {
	return ProducerID{}, errNotYet
}
func (c *Client) Produce(ctx context.Context, parts []ProducePartition) ([]Produced, error) {
	return nil, errNotYet
}
func (c *Client) CreateTopics(ctx context.Context, specs []TopicSpec) error { return errNotYet }
func (c *Client) TopicConfigs(ctx context.Context, topics []string, keys ...string) (map[string]map[string]string, error) {
	return nil, errNotYet
}

// BatchError is a batch that cannot be read.
type BatchError struct {
	Partition          Partition
	Offset, NextOffset int64
	Reason             string
}

func (e *BatchError) Error() string { return e.Reason }

// Codec is a compression of record batches.
type Codec int8

// The codecs of Kafka.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

// Batch builds a record batch.
type Batch struct{ Codec Codec }

func NewBatch() *Batch                                          { return &Batch{} }
func (b *Batch) Reset()                                         {}
func (b *Batch) Append(r Record)                                {}
func (b *Batch) Len() int                                       { return 0 }
func (b *Batch) Size() int                                      { return 0 }
func (b *Batch) Encode(p ProducerID, baseSequence int32) []byte { return nil }

// PartitionOf is Java's default partitioner.
func PartitionOf(key []byte, partitions int) int32 { return 0 }
