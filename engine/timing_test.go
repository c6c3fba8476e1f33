package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// What is configured reaches the shards; where nothing is, they are not to look.
func TestTiming(t *testing.T) {
	if timing(config.Default()) != nil {
		t.Error("the default configuration has times")
	}
	cfg, err := config.Parse([]byte(`
quiet_hours:
  zone: Asia/Kathmandu
  apps:
    shop: {marketing: {hours: 22:00-08:00, policy: drop}}
    news: {marketing: {hours: 22:00-08:00, policy: next, channels: [sink]}}
channels: {sink: }
late: {transactional: 1h}
`), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	night, err := hours.Parse("22:00-08:00")
	if err != nil {
		t.Fatal(err)
	}
	const transactional, marketing = carillonv1.Class_CLASS_TRANSACTIONAL, carillonv1.Class_CLASS_MARKETING
	want := &shard.Timing{
		Zone: send.Zone("Asia/Kathmandu"),
		Quiet: map[string]map[carillonv1.Class]shard.Quiet{
			"shop": {transactional: {}, marketing: {Hours: night, Drop: true}},
			"news": {transactional: {}, marketing: {Hours: night, Next: true, Channels: []string{"sink"}}},
		},
		Late: map[carillonv1.Class]time.Duration{transactional: time.Hour, marketing: 0},
	}
	got := timing(cfg)
	same := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, same, cmp.AllowUnexported(hours.Window{})); diff != "" {
		t.Error(diff)
	}
	// Late alone is enough.
	late := config.Default()
	late.Late.Marketing = time.Hour
	if timing(late) == nil {
		t.Error("late sends are not looked for")
	}
}

// An app's entry is whole: it takes nothing from that of all others. Where no send has
// a longest wait, there is nothing to ask.
func TestOrdering(t *testing.T) {
	const transactional, marketing = carillonv1.Class_CLASS_TRANSACTIONAL, carillonv1.Class_CLASS_MARKETING
	cfg := config.Default()
	cfg.Ordering.Apps = map[string]config.OrderApp{"alarms": config.DefaultOrderApp()}
	if o := ordering(cfg); o != nil {
		t.Errorf("a longest wait of nothing: %+v", o)
	}
	all := config.DefaultOrderApp()
	all.Transactional = config.OrderWait{LongestWait: time.Minute, Then: "expire"}
	all.Marketing.LongestWait = time.Hour
	cfg.Ordering.Apps["*"] = all
	want := &shard.Ordering{Apps: map[string]map[carillonv1.Class]*shard.OrderWait{
		"alarms":     {},
		shard.AnyApp: {transactional: {Longest: time.Minute, Expire: true}, marketing: {Longest: time.Hour}},
	}}
	if diff := cmp.Diff(want, ordering(cfg)); diff != "" {
		t.Error(diff)
	}
}
