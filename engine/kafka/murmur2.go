package kafka

import "encoding/binary"

// PartitionOf returns the partition of a key as Kafka's Java producer chooses
// it by default: toPositive(murmur2(key)) % partitions
// (org.apache.kafka.clients.producer.internals.BuiltInPartitioner). A record
// without a key has no such partition; the nil key counts as the empty one.
func PartitionOf(key []byte, partitions int) int32 {
	return int32(int(murmur2(key)&0x7fffffff) % partitions)
}

// murmur2 is the 32-bit MurmurHash 2 with the seed that
// org.apache.kafka.common.utils.Utils.murmur2 has.
func murmur2(key []byte) uint32 {
	const seed, m, r = 0x9747b28c, 0x5bd1e995, 24
	h := seed ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		h = h*m ^ (k^k>>r)*m
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
