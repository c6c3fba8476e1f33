package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// idDigits is where the number is in a send's id.
const idDigits = 9

// record is the i-th send: about 600 bytes as an order's producer would write
// them, to a recipient of its own.
func record(topic string, i int) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "customer-%09d", i), Value: fmt.Appendf(nil,
		`{"id":"%09d-4c1f-9a57-3d2f8c1a0b77","app":"shop",`+
			`"to":{"id":"customer-%09d","email":"customer-%09d@example.com","locale":"pt-PT","timeZone":"Europe/Lisbon"},`+
			`"channels":["sink"],"class":"transactional","campaign":"order-shipped",`+
			`"content":{"title":"Your order is on its way","body":"Hello! The parcel with your order left our warehouse this morning `+
			`and should be with you within two days. You can follow it on its way, or choose another day for it."},`+
			`"data":{"order":"A-%09d","carrier":"CTT","parcels":1,"url":"https://shop.example.com/orders/%09d"},`+
			`"metadata":{"source":"warehouse","batch":"2026-11"}}`, i, i, i, i, i)}
}

// number returns which send an id is of.
func number(id string) (int, error) {
	if len(id) < idDigits {
		return 0, fmt.Errorf("the id %q is none of ours", id)
	}
	return strconv.Atoi(id[:idDigits])
}

// publish writes n sends with a client that is not ours, partitioned as Java's
// does.
func publish(ctx context.Context, addr, topic string, n int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.NoCompression())) // as most clients do by default; these records are too much alike
	if err != nil {
		return err
	}
	defer client.Close()
	failed := make(chan error, 1)
	for i := range n {
		client.Produce(ctx, record(topic, i), func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default: // one is enough
				}
			}
		})
	}
	err = client.Flush(ctx)
	select {
	case first := <-failed:
		err = errors.Join(err, first)
	default:
	}
	if err != nil {
		return fmt.Errorf("publishing sends: %w", err)
	}
	return nil
}
