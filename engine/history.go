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
)

// History is what the topic `status` tells of a shard's past.
type History struct {
	Ran   bool            // there is an event of it, of whatever age
	Known [2][]intake.Run // finished input records, by input, ascending
}

// ReadHistory reads the newest events of a shard, those of so many offsets, and
// further back where these hold none.
func ReadHistory(ctx context.Context, c *kafka.Client, cfg *config.Config, id int32, newest int64) (History, error) {
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
			if isFinished {
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
