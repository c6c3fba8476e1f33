package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// statusRecord is a status event of shard 1, as the shard writes it.
func statusRecord(topic string, partition int32, offset int64, s carillonv1.State, place string) kafka.Record {
	r := kafka.Record{
		Key: []byte("u1"),
		Value: send.AppendStatusJSON(nil, &carillonv1.Status{
			EventId: "e", Kind: send.KindOf(s), Status: s, Id: "m1", App: "shop", Recipient: "u1",
			Source: &carillonv1.Source{Topic: topic, Partition: partition, Offset: offset},
		}),
		Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/json")}},
	}
	if place != "" {
		r.Headers = append(r.Headers, kafka.Header{Key: intake.InputHeader, Value: []byte(place)})
	}
	return r
}

func at(ms int64, r kafka.Record) kafka.Record {
	r.Time = time.UnixMilli(ms)
	return r
}

// anewAt is the word of an operator that a log is another one from an offset on.
func anewAt(ms, from int64) *controlv1.Record {
	r := anew(none, from, from)
	r.AtMs = ms
	return r
}

func TestReadHistory(t *testing.T) {
	const sent, parked, duplicate = carillonv1.State_STATE_SENT, carillonv1.State_STATE_PARKED, carillonv1.State_STATE_DUPLICATE
	foreign := kafka.Record{Value: []byte("hello")}
	for _, c := range []struct {
		name    string
		records []kafka.Record
		newest  int64
		want    History
		bulk    *controlv1.Record // accepted
	}{
		{"nothing", nil, 10, History{}, nil},
		// Anybody's record says nothing of the shard.
		{"somebody's", []kafka.Record{foreign}, 10, History{}, nil},
		{"outcomes of both inputs", []kafka.Record{
			statusRecord("carillon.sends", 1, 7, sent, "0/7"), statusRecord("carillon.sends", 1, 6, duplicate, "0/6"),
			statusRecord("carillon.sends.bulk", 1, 3, sent, "1/3"), statusRecord("carillon.sends", 1, 9, sent, "0/9"),
		}, 10, History{Ran: true, Known: [2][]intake.Run{{{From: 6, To: 8}, {From: 9, To: 10}}, {{From: 3, To: 4}}}}, nil},
		// A send that was parked has no place any more; its source tells, but for one that was forwarded.
		{"after parking", []kafka.Record{
			statusRecord("carillon.sends", 1, 7, sent, ""), statusRecord("carillon.sends", 2, 70, sent, ""),
		}, 10, History{Ran: true, Known: [2][]intake.Run{{{From: 7, To: 8}}}}, nil},
		{"a forwarded one", []kafka.Record{statusRecord("carillon.sends", 2, 70, sent, "0/8")}, 10,
			History{Ran: true, Known: [2][]intake.Run{{{From: 8, To: 9}}}}, nil},
		// It was begun, and nobody knows whether it is in the ledger.
		{"one that is parked", []kafka.Record{statusRecord("carillon.sends", 1, 7, parked, "0/7")}, 10, History{Ran: true}, nil},
		// The topic of bulk sends was made anew at 100 ms: what stood at 3 then is another record.
		{"before the topic was made anew", []kafka.Record{
			at(90, statusRecord("carillon.sends.bulk", 1, 3, sent, "1/3")), at(90, statusRecord("carillon.sends.bulk", 1, 1, sent, "1/1")),
			at(90, statusRecord("carillon.sends", 1, 3, sent, "0/3")), at(110, statusRecord("carillon.sends.bulk", 1, 2, sent, "1/2")),
		}, 10, History{Ran: true, Known: [2][]intake.Run{{{From: 3, To: 4}}, {{From: 1, To: 3}}}}, anewAt(100, 2)},
		// Further back than asked for.
		{"nothing new", []kafka.Record{statusRecord("carillon.sends", 1, 7, sent, "0/7"), foreign, foreign, foreign}, 1,
			History{Ran: true, Known: [2][]intake.Run{{{From: 7, To: 8}}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, client, cfg := cluster(t)
			if err := PrepareTopics(within(t), client, cfg); err != nil {
				t.Fatal(err)
			}
			for _, r := range c.records {
				batch := kafka.NewBatch()
				batch.Append(r)
				got, err := client.Produce(within(t), []kafka.ProducePartition{{
					Partition: kafka.Partition{Topic: "carillon.status", Index: 1},
					Batch:     batch.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1),
				}})
				if err != nil || got[0].Err != nil {
					t.Fatal(fmt.Sprint(err, got))
				}
			}
			h, err := ReadHistory(within(t), client, cfg, 1, c.newest, [2]*controlv1.Record{1: c.bulk})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, h); d != "" {
				t.Error(d)
			}
		})
	}
}
