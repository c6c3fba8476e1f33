package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/metrics"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// taking is a channel that takes all attempts and answers none.
type taking struct {
	grpc.ClientStream
	ctx     context.Context
	granted bool
	taken   int
}

func (c *taking) Describe(context.Context) (*channelv1.DescribeResponse, error) {
	return &channelv1.DescribeResponse{DeadlineMs: time.Hour.Milliseconds(), MaxBatch: 1}, nil
}

func (c *taking) Deliver(ctx context.Context, _ string, _ bool) (lane.Stream, error) {
	c.ctx = ctx
	return c, nil
}

func (c *taking) Send(*channelv1.DeliverRequest) error {
	c.taken++
	return nil
}

func (c *taking) Recv() (*channelv1.DeliverResponse, error) {
	if !c.granted {
		c.granted = true
		return &channelv1.DeliverResponse{Credits: 100}, nil
	}
	<-c.ctx.Done()
	return nil, c.ctx.Err()
}

func (c *taking) CloseSend() error { return nil }

type deaf struct{}

func (deaf) Results([]lane.Result) {}

// Attempts begin for as long as an accepted commit proves that nobody else can
// own the shards. A commit of nothing asks nobody, and proves nothing: a node
// that was frozen, and whose shards do not answer any more, must not send what
// its lanes still hold.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		cfg := config.Default()
		cfg.Kafka.SessionTimeout = 10 * time.Second
		e := &Engine{cfg: cfg, metrics: metrics.New(prometheus.NewRegistry()), lanes: newLanes()}
		plugin := &taking{}
		l := lane.New(lane.Config{Channel: "sms", Account: "main"}, plugin, newLaneObserver(e.metrics, "sms", "main"), zerolog.Nop(), time.Now())
		e.lanes.add("sms", []string{"*"}, l)
		go l.Run(ctx)
		g := &generation{Engine: e, ctx: ctx, committer: intake.NewCommitter(nil, "g", e.inputs(), intake.Membership{})}
		attempt := func() int {
			l.Push([]*lane.Attempt{{Send: &carillonv1.Send{To: &carillonv1.Recipient{}}, Owner: deaf{}}})
			synctest.Wait()
			return plugin.taken
		}
		g.lease(time.Now())
		if attempt() != 1 {
			t.Error("nothing begins with a lease")
		}
		time.Sleep(9 * time.Second) // past the margin, and not past the session
		if attempt() != 1 {
			t.Error("an attempt began without a lease")
		}
		if err := g.commit(ctx); err != nil {
			t.Fatal(err)
		}
		if attempt() != 1 {
			t.Error("a commit of nothing was a lease")
		}
		g.lease(time.Now())
		synctest.Wait()
		if plugin.taken != 3 {
			t.Errorf("with a new lease %d went out, want 3", plugin.taken)
		}
		end()
		synctest.Wait()
	})
}
