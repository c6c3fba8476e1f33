package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// accepting is a plugin that accepts all, and notes the ids in the order they
// came. It is a stream of its own, and the lane's observer.
type accepting struct {
	grpc.ClientStream
	ctx     context.Context
	results chan *channelv1.DeliverResponse
	ids     []string
}

func (p *accepting) Describe(context.Context) (*channelv1.DescribeResponse, error) {
	return &channelv1.DescribeResponse{AddressKind: "phone", MaxBatch: 64, DeadlineMs: 5000}, nil
}

func (p *accepting) Deliver(ctx context.Context, _ string, _ bool) (lane.Stream, error) {
	p.ctx, p.results = ctx, make(chan *channelv1.DeliverResponse, 1024)
	p.results <- &channelv1.DeliverResponse{Credits: 256}
	return p, nil
}

func (p *accepting) Send(r *channelv1.DeliverRequest) error {
	answer := &channelv1.DeliverResponse{Credits: uint32(len(r.Attempts))}
	for _, a := range r.Attempts {
		p.ids = append(p.ids, strings.Clone(a.Id))
		answer.Results = append(answer.Results, &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict_VERDICT_ACCEPTED})
	}
	p.results <- answer
	return nil
}

func (p *accepting) Recv() (*channelv1.DeliverResponse, error) {
	select {
	case r := <-p.results:
		return r, nil
	case <-p.ctx.Done():
		return nil, errors.New("ended")
	}
}

func (p *accepting) CloseSend() error                        { return nil }
func (p *accepting) Waited(time.Duration)                    {}
func (p *accepting) Limited(limit.Dimension)                 {}
func (p *accepting) Answered(_ lane.Result, _ time.Duration) {}
func (p *accepting) Breaker(lane.Health)                     {}
func (p *accepting) Late()                                   {}

// oneLane is the way of all, to a lane that is no fake.
type oneLane struct{ way Lane }

func (l oneLane) Find(string, string) (Lane, string)         { return l.way, "" }
func (l oneLane) Home(string, string, string) (Lane, string) { return l.way, "" }
func (l oneLane) Choose(string, string, string, time.Time) (Lane, bool, string) {
	return l.way, true, ""
}
func (l oneLane) Account(string, string, string) Lane { return l.way }
func (l oneLane) Spared(string, string) bool          { return false }

// deliver runs a shard and a lane of 1000/s until the log of app names is
// attempted, and returns them in the order of their attempts.
func deliver(t *testing.T, cfg Config, led Ledger, apps []string) []string {
	p := &accepting{}
	way := lane.New(lane.Config{Channel: "sms", Account: "default", Rate: 1000, Burst: 1}, p, p, zerolog.Nop(), time.Now())
	need := make(chan struct{}, 1)
	s := New(cfg, Env{
		Ledger: led, Outcomes: &quick{}, Lanes: oneLane{way}, Observer: nothing{}, Log: zerolog.Nop(),
		Now: time.Now, Jitter: func() float64 { return 0 },
		Need: func() {
			select {
			case need <- struct{}{}:
			default:
			}
		},
	}, [2]map[int64]bool{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go way.Run(ctx)
	go func() { // the committer
		for {
			select {
			case <-need:
				if p, err := s.Ask(ctx); err == nil {
					s.Grant(p.Inputs)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	bulk := make(chan intake.Chunk, 1)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, ctx, nil, bulk) }()
	bulk <- logOf(apps)
	time.Sleep(time.Duration(len(apps))*time.Millisecond + 10*time.Second)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	got := make([]string, len(p.ids))
	for i, id := range p.ids {
		got[i], _, _ = strings.Cut(id, "/")
	}
	return got
}

func logOf(apps []string) intake.Chunk {
	items := make([]intake.Item, len(apps))
	for i, app := range apps {
		items[i] = intake.Item{
			Offset: int64(i), Accepted: time.Now(), Source: send.Source{Topic: "bulk", Offset: int64(i)},
			Send: &carillonv1.Send{
				Id: fmt.Sprint(app, "/", i), App: app, Channels: []string{"sms"},
				To: &carillonv1.Recipient{Id: fmt.Sprint("u", i), Phone: "+351912345678"},
			},
		}
	}
	return intake.Chunk{Items: items, Next: int64(len(items))}
}

// Behind 4000 sends of one tenant in the log there are 120 of each of 99 others,
// and 10 of one more. Once they are read all have the same share, but for what
// the first had in the lane already, and the latter's ten are soon through.
func TestTenantsShareAShardAndItsLane(t *testing.T) {
	const quota, large, small = 256, 4000, 120
	var log []string
	for range large {
		log = append(log, "large")
	}
	for i := range 99 * small {
		log = append(log, fmt.Sprint("small", i%99))
	}
	for range 10 {
		log = append(log, "ten")
	}
	synctest.Test(t, func(t *testing.T) {
		got := deliver(t, Config{
			Topics: Topics{Sends: "sends", Bulk: "bulk", Status: "status", Ledger: "ledger", Invalid: "invalid"}, InvalidPartitions: 1,
			Window: len(log), Headroom: len(log), Quota: quota, Patience: time.Minute, DefaultTTL: time.Hour,
		}, &quick{}, log)
		if len(got) != len(log) {
			t.Fatalf("%d attempts of %d sends", len(got), len(log))
		}
		last := len(got) - 1
		for got[last] != "ten" {
			last--
		}
		const through = 10*101 + quota + 64 // ten rounds in the line, what is in the lane, and a batch
		t.Logf("of %d sends, the last in the log went out as number %d", len(log), last)
		if last > through {
			t.Errorf("ten sends of one tenant took until attempt %d, want %d at most", last, through)
		}
		const began = 20 * quota
		if before, most := shares(got[:began])["large"], float64(began/100+quota); before > most {
			t.Errorf("%v of the first %d attempts are of the largest, want %v at most", before, began, most)
		}
		all := shares(got[began : began+3000])
		index := jain(all)
		t.Logf("Jain's index of %d tenants over 3000 attempts is %.4f", len(all), index)
		if len(all) != 100 || index < 0.99 {
			t.Errorf("Jain's index of %d tenants is %.4f: %v", len(all), index, all)
		}
	})
}

// The same where a window holds few of them, and most are parked: half of all are of
// one tenant, and stand first in the log. From soon after all are read on, all have
// the same share.
func TestTenantsShareWhatIsParked(t *testing.T) {
	const tenants, each = 20, 400
	var log []string
	for range tenants * each {
		log = append(log, "large")
	}
	for i := range tenants * each {
		log = append(log, fmt.Sprint("small", i%tenants))
	}
	synctest.Test(t, func(t *testing.T) {
		db, err := ledger.Open(ledger.Config{Dir: "db", FS: vfs.NewMem(), Window: time.Hour}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		led, err := db.Load(0, time.Now(), func(ledger.Entry) {})
		if err != nil {
			t.Fatal(err)
		}
		got := deliver(t, Config{
			Topics: Topics{Sends: "sends", Bulk: "bulk", Status: "status", Ledger: "ledger", Invalid: "invalid"}, InvalidPartitions: 1,
			Window: 512, Headroom: 4096, Quota: 256, Patience: 100 * time.Millisecond, ParkLimit: len(log), ParkHard: len(log), DefaultTTL: time.Hour,
		}, led, log)
		if len(got) != len(log) {
			t.Fatalf("%d attempts of %d sends", len(got), len(log))
		}
		const began, during = 4000, 4000
		all := shares(got[began : began+during])
		index := jain(all)
		t.Logf("Jain's index of %d tenants is %.4f: %v", len(all), index, all)
		if len(all) != tenants+1 || index < 0.99 {
			t.Errorf("Jain's index of %d tenants is %.4f, and 0.99 is wanted", len(all), index)
		}
	})
}

func shares(attempts []string) map[string]float64 {
	all := map[string]float64{}
	for _, app := range attempts {
		all[app]++
	}
	return all
}

// jain is the fairness index of shares: 1 if all have the same, 1/n if one has all.
// R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness", DEC TR-301, 1984.
func jain(shares map[string]float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}
