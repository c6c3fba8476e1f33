package shard

import (
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Finished reads a record of a shard's partition of `status`. event tells
// whether it is one of the engine's; finished, whether it is the outcome of a
// record of the shard's own inputs, and of which. The outcome of a send that was
// forwarded and parked before does not tell.
func Finished(shard int32, topics Topics, rec *kafka.Record) (input int, offset int64, finished, event bool) {
	e, err := send.ParseStatus(rec.Value, rec.Headers)
	if err != nil {
		return 0, 0, false, false
	}
	if e.Kind != carillonv1.Kind_KIND_OUTCOME {
		return 0, 0, false, true
	}
	for _, h := range rec.Headers {
		if h.Key == intake.InputHeader {
			i, offset := parsePlace(h.Value)
			return int(i), offset, i != noInput, true
		}
	}
	for i := range 2 {
		if at := e.Source; at.GetTopic() == topics.input(i) && at.GetPartition() == shard {
			return i, at.GetOffset(), true, true
		}
	}
	return 0, 0, false, true
}
