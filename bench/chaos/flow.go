package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// flow is what a run switches on beside the plain load: everything that decides
// when and by which way a send goes. Each of it has an app of its own.
type flow struct {
	dir            string
	sendsPerSecond float64
	// dusk is the minute at which the quiet hours of one app end, and those of
	// another begin, on clocks that show UTC.
	dusk time.Time
	seed uint64
}

func newFlow(c Config, now time.Time) *flow {
	if !c.Flow {
		return nil
	}
	soon := now.UTC().Add(10 * time.Second)
	return &flow{dir: c.Dir, sendsPerSecond: c.SendsPerSecond, dusk: soon.Truncate(time.Minute).Add(time.Minute), seed: c.Seed}
}

// The channels. All are the sink, with an account and a ledger of its own.
const (
	mainChannel  = "sink"
	firstChannel = "first" // rejects some for good, and loses the answer to others
	pacedChannel = "paced" // has a limit of each recipient
	shakyChannel = "shaky" // is refused for some seconds now and then
)

// sideChannels are those that only a flow has.
func sideChannels() []string { return []string{firstChannel, pacedChannel, shakyChannel} }

// The apps.
const (
	plainApp    = "chaos"
	limitedApp  = "limited" // has a rate, and so have its campaigns
	cappedApp   = "capped"  // waits for its cap
	droppedApp  = "dropped" // does not
	pacedApp    = "paced"
	nightApp    = "night" // waits until dusk
	darkApp     = "dark"  // is dropped from dusk on
	briefApp    = "brief" // expires soon
	canceledApp = "calloff"
	heldApp     = "held" // is paused now and then
	optoutApp   = "optout"
	twowayApp   = "twoway" // has a channel to fall back to
	latestApp   = "latest" // replaces what waits
	shakyApp    = "shaky"
)

// The limits, as node.yaml has them.
const (
	capMost   = 2
	capPer    = 10 * time.Second
	capApart  = time.Second // of droppedApp
	pairEvery = time.Second
	dayPart   = 8 * time.Hour // of quiet hours
)

// AppRate, CampaignRate and FirstRate are in attempts a second, a half more than
// what is sent evenly.
func (f *flow) AppRate() int      { return max(4, int(f.sendsPerSecond*0.12)) }
func (f *flow) CampaignRate() int { return max(3, int(f.sendsPerSecond*0.06)) }
func (f *flow) FirstRate() int    { return max(8, int(f.sendsPerSecond*0.24)) }

func clock(t time.Time) string { return t.UTC().Format("15:04") }

// Night and Dark are the quiet hours of nightApp and darkApp.
func (f *flow) Night() string { return clock(f.dusk.Add(-dayPart)) + "-" + clock(f.dusk) }
func (f *flow) Dark() string  { return clock(f.dusk) + "-" + clock(f.dusk.Add(dayPart)) }

// Locked is a file: while it is there, shakyChannel's account is refused.
func (f *flow) Locked() string { return filepath.Join(f.dir, "locked") }

// Secret is the file of the key of suppressions.
func (f *flow) Secret() string { return filepath.Join(f.dir, "suppression.key") }

func (f *flow) secret() string { return fmt.Sprintf("the key of a chaos run, seed %d", f.seed) }

// prepare writes what nodes need to start.
func (f *flow) prepare() error {
	if f == nil {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return fmt.Errorf("make the run's directory: %w", err)
	}
	if err := os.WriteFile(f.Secret(), []byte(f.secret()), 0o600); err != nil {
		return fmt.Errorf("write the key of suppressions: %w", err)
	}
	return nil
}

// trait is an app's part of the load, and what its sends are like.
type trait struct {
	app   string
	share float64 // of all sends
	ends  []string
	form  func(s *published, rng *rand.Rand, n int, now time.Time)
}

// traits are all but the plain load. ends are the outcomes that a send may have
// for a reason that the run gives it, beside sent and unknown: anything else is
// withheld from its recipient for none.
func traits() []trait {
	return []trait{
		{limitedApp, 0.08, nil, limitedSend},
		{cappedApp, 0.04, []string{"expired", "rejected"}, cappedSend},
		{droppedApp, 0.04, []string{"suppressed"}, droppedSend},
		{pacedApp, 0.04, nil, to("p", 30, pacedChannel)},
		{nightApp, 0.02, []string{"expired"}, nightSend},
		{darkApp, 0.02, []string{"suppressed"}, darkSend},
		{briefApp, 0.04, []string{"expired"}, briefSend},
		{canceledApp, 0.04, []string{"canceled"}, canceledSend},
		{heldApp, 0.04, nil, to("h", 50, mainChannel)},
		{optoutApp, 0.04, []string{"suppressed"}, to("u", optouts, mainChannel)},
		{twowayApp, 0.06, nil, twowaySend},
		{latestApp, 0.04, []string{"superseded"}, latestSend},
		{shakyApp, 0.04, nil, to("s", 50, shakyChannel)},
	}
}

// endsOf returns how sends of an app may end for a reason; false for the plain load.
func endsOf(app string) ([]string, bool) {
	for _, t := range traits() {
		if t.app == app {
			return t.ends, true
		}
	}
	return nil, false
}

// form makes a send one of the flow's, or leaves it plain.
func (f *flow) form(s *published, rng *rand.Rand, n int, now time.Time) {
	x := rng.Float64()
	for _, t := range traits() {
		if x -= t.share; x < 0 {
			// Ordering keys are the plain load's, and of those apps that take one.
			*s = published{topic: s.topic, app: t.app, channels: []string{mainChannel}}
			t.form(s, rng, n, now)
			return
		}
	}
}

// to sends to some recipients by one channel.
func to(prefix string, recipients int, channel string) func(*published, *rand.Rand, int, time.Time) {
	return func(s *published, rng *rand.Rand, _ int, _ time.Time) {
		s.to, s.channels = one(prefix, rng, recipients), []string{channel}
	}
}

func one(prefix string, rng *rand.Rand, of int) string { return prefix + strconv.Itoa(rng.IntN(of)) }

// limitedSend has campaigns take turns, so that each is above its rate while it is
// its turn, and below it on the whole.
func limitedSend(s *published, rng *rand.Rand, n int, _ time.Time) {
	const turn, campaigns = 1000, 3
	s.to, s.campaign, s.orderingKey = one("l", rng, 200), fmt.Sprintf("l%d", n/turn%campaigns), "l"
}

func cappedSend(s *published, rng *rand.Rand, n int, now time.Time) {
	s.to, s.class, s.expires = one("c", rng, 80), "marketing", now.Add(25*time.Second)
	if n%2 == 0 {
		s.channels = []string{firstChannel}
	}
}

func droppedSend(s *published, rng *rand.Rand, _ int, _ time.Time) {
	s.to, s.class = one("d", rng, 20), "marketing"
}

// The zones: at dusk by UTC it has been dark for hours in Kathmandu, and it will be
// day for hours in São Paulo.
const eastern, western = "Asia/Kathmandu", "America/Sao_Paulo"

func nightSend(s *published, rng *rand.Rand, n int, now time.Time) {
	s.to, s.class, s.zone = one("n", rng, 50), "marketing", []string{"", eastern, western}[n%3]
	if s.zone == western { // where the night is not over before the run is
		s.expires = now.Add(8 * time.Second)
	}
}

func darkSend(s *published, rng *rand.Rand, n int, _ time.Time) {
	s.to, s.zone = one("k", rng, 50), []string{"", eastern, western}[n%3]
}

func briefSend(s *published, rng *rand.Rand, n int, now time.Time) {
	s.to, s.expires = one("b", rng, 50), now.Add(time.Duration(300+rng.IntN(4000))*time.Millisecond)
	if n%2 == 0 {
		s.sendAt = now.Add(200 * time.Millisecond)
	}
}

// canceledSend leaves the campaign to the publisher, which knows whose turn it is.
func canceledSend(s *published, rng *rand.Rand, n int, now time.Time) {
	s.to = one("x", rng, 50)
	if n%2 == 0 {
		s.sendAt = now.Add(time.Duration(rng.IntN(4000)) * time.Millisecond)
	}
}

const optouts = 40

func twowaySend(s *published, rng *rand.Rand, n int, _ time.Time) {
	s.to, s.channels = one("t", rng, optouts), []string{firstChannel, mainChannel}
	s.fallback = []string{"attempts", "recipient", "policy", "message"}
	if n%2 == 0 {
		s.orderingKey = "t"
	}
}

func latestSend(s *published, rng *rand.Rand, n int, now time.Time) {
	s.to, s.collapseKey = one("v", rng, 10), "v"
	if n%2 == 0 {
		s.sendAt = now.Add(time.Duration(rng.IntN(3000)) * time.Millisecond)
	}
}
