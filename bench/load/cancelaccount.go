package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// ends is what became of some sends, by the topic status and by the provider's
// ledgers.
type ends struct {
	records  workload.Records
	outcomes []uint8 // of each
	state    []carillonv1.State
	attempts []uint8
	last     time.Duration // the last attempt, after the cancel
}

func newEnds(records workload.Records) ends {
	n := records.Len()
	return ends{records, make([]uint8, n), make([]carillonv1.State, n), make([]uint8, n), -time.Hour}
}

func (e *ends) status(s *carillonv1.Status) {
	if i, ok := e.records.Number(s.Id); ok && s.Kind == carillonv1.Kind_KIND_OUTCOME && e.outcomes[i] < 255 {
		e.outcomes[i]++
		e.state[i] = s.Status
	}
}

func (e *ends) attempt(a sink.Entry, canceled time.Time) {
	if i, ok := e.records.Number(a.ID); ok && e.attempts[i] < 255 {
		e.attempts[i]++
		e.last = max(e.last, a.At.Sub(canceled))
	}
}

// counted adds up what became of sends.
type counted struct {
	canceled, sent, attempted       int
	lost, doubled, otherwise, wrong int
}

func (e *ends) add(c *counted) {
	for i, n := range e.outcomes {
		state := e.state[i]
		switch {
		case n == 0:
			c.lost++
		case n > 1 || e.attempts[i] > 1:
			c.doubled++
		case state == carillonv1.State_STATE_CANCELED:
			c.canceled++
		case state == carillonv1.State_STATE_SENT:
			c.sent++
		default:
			c.otherwise++
		}
		if e.attempts[i] > 0 {
			c.attempted++
		}
		if n == 1 && (state == carillonv1.State_STATE_SENT) != (e.attempts[i] > 0) {
			c.wrong++
		}
	}
}

// account reads what became of every send, once the nodes have stopped.
func (c *canceling) account(ctx context.Context) error {
	c.found, c.other = newEnds(c.now), newEnds(c.later)
	upTo, err := c.rig.Ends(ctx, c.rig.Topic("status"))
	if err == nil {
		err = tally.ReadStatus(ctx, c.rig.Broker.Addr, c.rig.Topic("status"), upTo, func(s *carillonv1.Status) {
			c.found.status(s)
			c.other.status(s)
		})
	}
	err = errors.Join(err, tally.ReadAttempts(c.round.Ledgers(), func(a sink.Entry) {
		c.found.attempt(a, c.asked)
		c.other.attempt(a, c.asked)
	}))
	if err != nil {
		return fmt.Errorf("account for the sends: %w", err)
	}
	return nil
}

// report puts together what a run found.
func (c *canceling) report(r *report.Result) {
	var n counted
	c.found.add(&n)
	c.other.add(&n)
	total, last := c.sum.Total(), max(c.found.last, c.other.last)
	for _, p := range c.problems(n, last) {
		r.Fail(p)
	}
	sends := c.Workload.Sends
	r.Add("sends", "", float64(sends), report.Neither)
	r.Add("attempted", "", float64(n.attempted), report.Neither).Note = "by the provider's ledger"
	r.Add("canceled", "", float64(n.canceled), report.Neither).Note = "by the topic status"
	r.Add("too_late", "", float64(total.Late), report.Neither).Note = "at the plugin when the cancel came, by the shards' answers"
	r.Add("last_attempt_ms", "ms", float64(last.Microseconds())/1e3, report.Lower).Note =
		fmt.Sprintf("after the cancel was on its way to Kafka; %v is published, and less than 0 is before", CancelBound)
	r.Add("seconds", "s", c.took.Seconds(), report.Lower).Note = "until every shard had said that it was done"
	r.Add("sends_per_second", "sends/s", float64(n.canceled)/c.took.Seconds(), report.Higher).Note = "that were canceled"
	r.AddFaults(n.lost, n.doubled)
	t := report.Table{Title: "Where they were when the cancel came", Columns: []string{"where", "sends"}}
	t.Add("parked", c.before.parked)
	t.Add("in lanes", c.before.waiting)
	t.Add("in Kafka, or at the plugin", c.inKafka())
	t.Add("sent", c.before.ended)
	t.Note = "by the nodes' gauges shortly before"
	r.Tables = append(r.Tables, t)
}

// inKafka is how many had not been read when the cancel came.
func (c *canceling) inKafka() float64 {
	return float64(c.Workload.Sends) - c.before.parked - c.before.waiting - c.before.ended
}

// problems has a sentence for each thing that is wrong.
func (c *canceling) problems(n counted, last time.Duration) (all []string) {
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	total := c.sum.Total()
	add(c.missing != nil, "the shards %v had not said that they were done after %v", c.missing, c.took.Round(time.Second))
	add(n.canceled+n.sent != c.Workload.Sends, "%d were canceled and %d sent, of %d: %d have no outcome, %d more than one, %d another",
		n.canceled, n.sent, c.Workload.Sends, n.lost, n.doubled, n.otherwise)
	add(n.attempted != n.sent || n.wrong > 0, "%d were attempted, and %d say that they were sent; of %d the one and not the other",
		n.attempted, n.sent, n.wrong)
	add(int(total.Sends) != n.canceled, "the shards say that they canceled %d, and status has %d", total.Sends, n.canceled)
	add(last > CancelBound, "an attempt came %v after the cancel, and %v is published", last, CancelBound)
	least := float64(c.Workload.Sends) / 6
	add(n.sent == 0 || min(c.inKafka(), c.before.waiting, c.before.parked) < least,
		"%d were sent, %v parked, %v in lanes and %v in Kafka when the cancel came, and it is about a third in each of the last three",
		n.sent, c.before.parked, c.before.waiting, c.inKafka())
	return all
}
