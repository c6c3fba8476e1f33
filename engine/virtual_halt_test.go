package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/control"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Of each scenario's sends a sixth is canceled half-way, and another one paused
// for a third of the time.
const (
	canceledCampaign = "spring"
	pausedCampaign   = "autumn"
	// haltBound is what docs/operations.md publishes.
	haltBound = time.Second
)

// halts is when Kafka had what an operator decided.
type halts struct{ canceled, paused, resumed time.Time }

// halt is the operator.
func (s *scenario) halt() {
	topic := s.config.Topic("control")
	publish := func(r *controlv1.Record) time.Time {
		for control.Publish(context.Background(), s.observer, topic, r) != nil {
			time.Sleep(time.Second)
		}
		return time.Now()
	}
	pause := func(over bool) time.Time {
		return publish(&controlv1.Record{By: "ana", Object: &controlv1.Record_Pause{Pause: &controlv1.Pause{
			Id: "p", App: "shop", Campaign: pausedCampaign, Over: over,
		}}})
	}
	note := func(at *time.Time, now time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*at = now
	}
	time.Sleep(span / 3)
	note(&s.halts.paused, pause(false))
	time.Sleep(span / 6)
	note(&s.halts.canceled, publish(&controlv1.Record{By: "ana", Object: &controlv1.Record_Cancel{Cancel: &controlv1.Cancel{
		Id: "c", App: "shop", Campaign: canceledCampaign, UntilMs: time.Now().Add(24 * time.Hour).UnixMilli(),
	}}}))
	time.Sleep(span / 6)
	note(&s.halts.resumed, time.Now()) // from here on it may be known
	pause(true)
	for control.Forget(context.Background(), s.observer, topic, control.PauseKey(&controlv1.Pause{App: "shop", Campaign: pausedCampaign})) != nil {
		time.Sleep(time.Second)
	}
}

// halts: nothing is attempted later than is published after its cancel, or in its
// pause, but by who could not know.
func (v *verdict) halts(s *story, e *evidence) {
	if len(s.records) == 0 {
		return
	}
	for _, a := range s.attempts {
		switch h, campaign := e.halts, s.records[0].campaign; {
		case campaign == canceledCampaign && late(a.at, h.canceled) && !e.cutOff(h.canceled, a.at):
			v.fault("%s: attempted after it was canceled at %v", s, since(h.canceled))
		case campaign == pausedCampaign && late(a.at, h.paused) && a.at.Before(h.resumed) && !e.cutOff(h.paused, a.at):
			v.fault("%s: attempted while it was paused from %v to %v", s, since(h.paused), since(h.resumed))
		}
	}
	for _, o := range s.outcomes {
		if o.state == "canceled" && s.records[0].campaign != canceledCampaign {
			v.fault("%s: nobody canceled it", s)
		}
	}
}

func late(at, from time.Time) bool {
	return !from.IsZero() && at.After(from.Add(haltBound+transit+slack))
}

// cutOff says whether something in that time, or shortly before, may have kept a
// node from reading what an operator decided.
func (e *evidence) cutOff(from, to time.Time) bool {
	const again = 12 * time.Second // until a node tries again that could not read for long
	return slices.ContainsFunc(e.strikes, func(f strike) bool {
		return slices.Contains([]faultKind{zombie, cutOff, reset, brokerDown, leaders}, f.kind) && f.from.Before(to) && f.to.Add(again).After(from)
	})
}

// The checker finds what goes out after its cancel and in its pause.
func TestCheckHalts(t *testing.T) {
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	h := halts{canceled: at(time.Minute), paused: at(time.Minute), resumed: at(2 * time.Minute)}
	for _, c := range []struct {
		name, campaign string
		attempt        time.Duration
		state          string
		strike         strike
		wrong          bool
	}{
		{"before", canceledCampaign, 50 * time.Second, "sent", strike{}, false},
		{"within the bound", canceledCampaign, time.Minute + time.Second, "sent", strike{}, false},
		{"after it", canceledCampaign, time.Minute + 2*time.Second, "sent", strike{}, true},
		{"after it, by who could not know", canceledCampaign, 65 * time.Second, "sent", strike{kind: zombie, from: at(time.Minute), to: at(80 * time.Second)}, false},
		{"in its pause", pausedCampaign, 90 * time.Second, "sent", strike{}, true},
		{"after its pause", pausedCampaign, 121 * time.Second, "sent", strike{}, false},
		{"nobody canceled it", "", 50 * time.Second, "canceled", strike{}, true},
	} {
		v := &verdict{}
		v.halts(&story{
			records: []accepted{{campaign: c.campaign}}, attempts: []attempt{{at: at(c.attempt)}}, outcomes: []outcome{{state: c.state}},
		}, &evidence{halts: h, strikes: []strike{c.strike}})
		if wrong := len(v.faults) > 0; wrong != c.wrong {
			t.Errorf("%s: %v", c.name, v.faults)
		}
	}
}
