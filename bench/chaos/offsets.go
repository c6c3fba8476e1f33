package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/intake"
)

// sample follows the committed offsets until ctx ends.
func (w *watcher) sample(ctx context.Context) {
	for sleep(ctx, 500*time.Millisecond) {
		ask, cancel := context.WithTimeout(ctx, 2*time.Second)
		committed, err := w.committed(ask)
		cancel()
		if err != nil {
			continue // the broker is down, or its coordinator is not up yet
		}
		w.mu.Lock()
		w.compare(committed)
		w.mu.Unlock()
	}
}

func (w *watcher) compare(committed map[place]intake.Reservation) {
	for p, r := range committed {
		if high := w.highest[p]; r.Low < high {
			w.rewinds = append(w.rewinds, fmt.Sprintf("%s/%d went from %d to %d", p.topic, p.partition, high, r.Low))
		}
		w.highest[p] = r.Low
		if n := len(r.Done); n > 0 {
			w.span = max(w.span, r.Done[n-1].To-r.Low)
		}
	}
}

// committed returns the group's offsets with what their metadata says, which is
// nothing where it is not the engine's. A partition without an offset is left
// out.
func (w *watcher) committed(ctx context.Context) (map[place]intake.Reservation, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = w.group // a nil list of topics is all of them
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = w.group
	req.Groups = append(req.Groups, group)
	res, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return nil, fmt.Errorf("read the committed offsets: %w", err)
	}
	found := map[place]intake.Reservation{}
	for _, g := range res.Groups {
		if g.ErrorCode != 0 {
			return nil, fmt.Errorf("read the committed offsets: error %d", g.ErrorCode)
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 || p.Offset < 0 {
					continue
				}
				r := intake.Reservation{Low: p.Offset}
				if p.Metadata != nil {
					if said, err := intake.ParseReservation(p.Offset, *p.Metadata); err == nil {
						r = said
					}
				}
				found[place{topic: t.Topic, partition: p.Partition}] = r
			}
		}
	}
	return found, nil
}

// reserved returns how many sends a node may begin without another commit: those
// of its shards that are reserved and not finished. -1 where nobody says: while
// the shards are shared out, or where commits have no such metadata.
func (w *watcher) reserved(ctx context.Context, node string) int {
	group, err := w.describe(ctx)
	if err != nil || !group.stable {
		return -1
	}
	committed, err := w.committed(ctx)
	if err != nil {
		return -1
	}
	return reservedOf(committed, group.members[node])
}

func reservedOf(committed map[place]intake.Reservation, partitions []place) int {
	total, known := 0, false
	for _, p := range partitions {
		r := committed[p]
		if r.Owner == "" {
			continue
		}
		known = true
		total += int(r.Reserved-r.Low) + r.Parked
		for _, run := range r.Done {
			total -= int(min(run.To, r.Reserved) - min(run.From, r.Reserved))
		}
	}
	if !known {
		return -1
	}
	return total
}

// group is the state of the consumer group.
type group struct {
	stable  bool               // every member has its share
	members map[string][]place // the input partitions of each node
}

func (w *watcher) describe(ctx context.Context) (group, error) {
	now := group{members: map[string][]place{}}
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{w.group}
	res, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return now, fmt.Errorf("describe the group: %w", err)
	}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return now, fmt.Errorf("describe the group: %w", err)
		}
		now.stable = g.State == "Stable"
		for _, m := range g.Members {
			now.members[m.ClientID] = nil
			var share kmsg.ConsumerMemberAssignment
			if share.ReadFrom(m.MemberAssignment) != nil {
				continue
			}
			for _, t := range share.Topics {
				for _, p := range t.Partitions {
					now.members[m.ClientID] = append(now.members[m.ClientID], place{topic: t.Topic, partition: p})
				}
			}
		}
	}
	return now, nil
}

// ends returns the end of every partition of the topics.
func (w *watcher) ends(ctx context.Context, partitions int, topics ...string) (map[place]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, name := range topics {
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = name
		for i := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = int32(i), -1 // the end
			topic.Partitions = append(topic.Partitions, p)
		}
		req.Topics = append(req.Topics, topic)
	}
	res, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return nil, fmt.Errorf("read the ends of the topics: %w", err)
	}
	found := map[place]int64{}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return nil, fmt.Errorf("read the end of %s/%d: error %d", t.Topic, p.Partition, p.ErrorCode)
			}
			found[place{topic: t.Topic, partition: p.Partition}] = p.Offset
		}
	}
	return found, nil
}

// lag returns how many input records no commit covers.
func (w *watcher) lag(ctx context.Context, partitions int) (int64, error) {
	ends, err := w.ends(ctx, partitions, w.inputs...)
	if err != nil {
		return 0, err
	}
	committed, err := w.committed(ctx)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for p, end := range ends {
		total += end - committed[p].Low
	}
	return total, nil
}
