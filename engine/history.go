package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// History is what the topic `status` tells of a shard's past.
type History struct {
	Ran   bool            // there is an event of it, of whatever age
	Known [2][]intake.Run // finished input records, by input, ascending
}

// ReadHistory reads the newest events of a shard, those of so many offsets, and
// further back where these hold none. accepted is, by input, what operators have
// accepted: an event about a log that was made anew since tells nothing of this
// one.
func ReadHistory(ctx context.Context, c *kafka.Client, cfg *config.Config, id int32, newest int64, accepted [2]*controlv1.Record) (History, error) {
	p := kafka.Partition{Topic: cfg.Topic("status"), Index: id}
	tailer := intake.Tailer{Client: c}
	first, err := tailer.Since(ctx, p, kafka.Earliest)
	if err != nil {
		return History{}, err
	}
	end, err := tailer.Since(ctx, p, kafka.Latest)
	if err != nil {
		return History{}, err
	}
	topics := shard.Topics{Sends: cfg.Topic("sends"), Bulk: cfg.Topic("sends.bulk")}
	for {
		var h History
		var finished [2]map[int64]bool
		from := max(first, end-newest)
		_, err := tailer.Tail(ctx, p, from, func(rec *kafka.Record) error {
			input, offset, isFinished, isEvent := shard.Finished(id, topics, rec)
			h.Ran = h.Ran || isEvent
			if isFinished && !others(rec, offset, accepted[input]) {
				if finished[input] == nil {
					finished[input] = map[int64]bool{}
				}
				finished[input][offset] = true
			}
			return nil
		})
		if err != nil {
			return History{}, fmt.Errorf("read what %s tells of shard %d: %w", p, id, err)
		}
		if h.Ran || from == first {
			for i := range finished {
				h.Known[i] = runs(finished[i])
			}
			return h, nil
		}
		newest *= 8
	}
}

// others tells whether an event is about a record of the log before this one.
func others(rec *kafka.Record, offset int64, accepted *controlv1.Record) bool {
	from, anew := anewFrom(accepted)
	return anew && offset >= from && rec.Time.UnixMilli() < accepted.AtMs
}

// runs makes runs of offsets.
func runs(offsets map[int64]bool) []intake.Run {
	var all []intake.Run
	for _, o := range slices.Sorted(maps.Keys(offsets)) {
		if n := len(all); n > 0 && all[n-1].To == o {
			all[n-1].To++
		} else {
			all = append(all, intake.Run{From: o, To: o + 1})
		}
	}
	return all
}
