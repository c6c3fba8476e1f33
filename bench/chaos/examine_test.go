package chaos

import (
	"fmt"
	"testing"
	"time"
)

// by is an attempt at the nth send, by a channel of node a.
func by(channel string, n int, seconds float64) attempt {
	a := reached(fmt.Sprint("r-", n), "a", seconds)
	a.channel = channel
	return a
}

// was is how the nth send ended.
func was(state string, n int, seconds float64) outcome {
	o := ended(fmt.Sprint("r-", n), state, seconds)
	o.written = at(seconds)
	return o
}

// ofApp makes so many sends alike, each a second after the one before.
func ofApp(n int, s published) (all []published) {
	for i := range n {
		s.accepted, s.stamp, s.place.offset = true, at(float64(i)), int64(i)
		all = append(all, s)
	}
	return all
}

// together are attempts at the first n sends, at one time.
func together(channel string, n int) (all []attempt) {
	for i := range n {
		all = append(all, by(channel, i, 1))
	}
	return all
}

// history is what is fed to one check.
type history struct {
	sends    []published
	attempts []attempt
	outcomes []outcome
	faults   []Fault
	deeds    []deed
	taken    []takeover
}

// wrongOf returns how much each check finds wrong, and excuses.
func wrongOf(h history) (wrong, excused map[string]int) {
	wrong, excused = map[string]int{}, map[string]int{}
	// It is noon at zero; dusk is ten minutes later.
	f := &flow{dusk: zero.Add(10 * time.Minute), sendsPerSecond: 300}
	v := check(evidence{run: "r-", sends: h.sends, attempts: h.attempts, outcomes: h.outcomes, faults: h.faults, deeds: h.deeds, takeovers: h.taken, flow: f})
	for _, found := range v.flow {
		if len(found.wrong) > 0 {
			wrong[found.check] = len(found.wrong)
		}
		if found.excused > 0 {
			excused[found.check] = found.excused
		}
	}
	return wrong, excused
}

// Each check is fed a history that it must find wrong, and its like that it must
// not. No other check may find anything.
func TestExamine(t *testing.T) {
	kill := []Fault{fault(Kill, "a", 1.5, 2)}
	taken := []takeover{{shard: 0, at: at(3)}}
	cut := fault(Partition, "a", 5, 12)
	cut.Fenced, cut.Again = at(11), at(13)
	refusal := func(seconds float64) attempt {
		a := by(shakyChannel, 0, seconds)
		a.sent, a.refused = false, true
		return a
	}
	var stubborn, patient []attempt
	for i := range 20 {
		stubborn = append(stubborn, refusal(1+float64(i)*0.2))
		patient = append(patient, refusal(1+float64(i)*0.01))
	}
	locked := []deed{{what: lock, channel: shakyChannel, from: at(0.5), until: at(5)}}
	unanswered := by(firstChannel, 0, 1)
	unanswered.lost = true
	failed := by(mainChannel, 0, 1)
	failed.sent = false
	retry := by(mainChannel, 0, 2)
	retry.number = 2
	paused := []deed{{what: pause, app: heldApp, from: at(5), until: at(9)}}
	canceled := published{app: canceledApp, campaign: "x0"}
	night := func(app, zone string) []published { return ofApp(1, published{app: app, zone: zone}) }
	late := func(channel string, minutes float64) []attempt { return []attempt{by(channel, 0, minutes*60)} }
	optout := ofApp(1, published{app: optoutApp, to: "u1"})
	twoway := published{app: twowayApp, to: "t1"}
	other := by(pacedChannel, 1, 1.5)
	other.node = "b"
	for _, c := range []struct {
		name string
		history
		check          string // "" finds nothing
		wrong, excused int
	}{
		{"canceled by its outcome, and sent", history{sends: ofApp(1, canceled), attempts: []attempt{by(mainChannel, 0, 1)}, outcomes: []outcome{was("canceled", 0, 2)}}, "ends", 1, 0},
		{"canceled, and not sent", history{sends: ofApp(1, canceled), attempts: []attempt{failed}, outcomes: []outcome{was("canceled", 0, 2)}}, "", 0, 0},
		{"suppressed for no reason", history{sends: ofApp(1, published{app: heldApp}), outcomes: []outcome{was("suppressed", 0, 2)}}, "ends", 1, 0},
		{"sent in time", history{sends: ofApp(1, published{app: briefApp, expires: at(3)}), attempts: []attempt{by(mainChannel, 0, 3)}}, "", 0, 0},
		{"sent past its expiry", history{sends: ofApp(1, published{app: briefApp, expires: at(3)}), attempts: []attempt{by(mainChannel, 0, 3.01)}}, "expiry", 1, 0},

		{"before dusk", history{sends: night(nightApp, ""), attempts: late(mainChannel, 9.99)}, "quiet hours", 1, 0},
		{"after dusk", history{sends: night(nightApp, ""), attempts: late(mainChannel, 10)}, "", 0, 0},
		{"where the night was over", history{sends: night(nightApp, eastern), attempts: late(mainChannel, 9.99)}, "", 0, 0},
		{"where the night is long", history{sends: night(nightApp, western), attempts: late(mainChannel, 10)}, "quiet hours", 1, 0},
		{"in the dark", history{sends: night(darkApp, ""), attempts: late(mainChannel, 10)}, "quiet hours", 1, 0},
		{"where it is dark already", history{sends: night(darkApp, eastern), attempts: late(mainChannel, 5)}, "quiet hours", 1, 0},
		{"where it is light for long", history{sends: night(darkApp, western), attempts: late(mainChannel, 11)}, "", 0, 0},

		{"begun within the bound of a cancel", history{sends: ofApp(1, canceled), attempts: []attempt{by(mainChannel, 0, 6)},
			deeds: []deed{{what: cancel, app: canceledApp, campaign: "x0", from: at(5)}}}, "", 0, 0},
		{"begun after it", history{sends: ofApp(1, canceled), attempts: []attempt{by(mainChannel, 0, 6.1)},
			deeds: []deed{{what: cancel, app: canceledApp, campaign: "x0", from: at(5)}}}, cancel, 1, 0},
		{"of another campaign", history{sends: ofApp(1, canceled), attempts: []attempt{by(mainChannel, 0, 6.1)},
			deeds: []deed{{what: cancel, app: canceledApp, campaign: "x1", from: at(5)}}}, "", 0, 0},
		{"all so far is canceled, one came later", history{sends: ofApp(6, canceled), attempts: []attempt{by(mainChannel, 4, 9), by(mainChannel, 5, 9)},
			deeds: []deed{{what: cancel, app: canceledApp, before: at(4.5), from: at(5)}}}, cancel, 1, 0},
		{"the node could not know of it", history{sends: ofApp(1, canceled), attempts: []attempt{by(mainChannel, 0, 6.1)}, faults: []Fault{cut},
			deeds: []deed{{what: cancel, app: canceledApp, campaign: "x0", from: at(5)}}}, "", 0, 1},
		{"begun in a pause", history{sends: ofApp(1, published{app: heldApp}), attempts: []attempt{by(mainChannel, 0, 8)}, deeds: paused}, pause, 1, 0},
		{"and after it", history{sends: ofApp(1, published{app: heldApp}), attempts: []attempt{by(mainChannel, 0, 9)}, deeds: paused}, "", 0, 0},
		{"to one who was suppressed", history{sends: optout, attempts: []attempt{by(mainChannel, 0, 8)},
			deeds: []deed{{what: suppressed, app: optoutApp, to: "u1", from: at(5)}}}, suppressed, 1, 0},
		{"another was", history{sends: optout, attempts: []attempt{by(mainChannel, 0, 8)},
			deeds: []deed{{what: suppressed, app: optoutApp, to: "u2", from: at(5)}}}, "", 0, 0},
		{"by the other channel he may be sent to", history{sends: ofApp(1, twoway), attempts: []attempt{by(mainChannel, 0, 8)},
			deeds: []deed{{what: suppressed, app: twowayApp, to: "t1", channel: firstChannel, from: at(5)}}}, "", 0, 0},
		{"by the channel he may not", history{sends: ofApp(1, twoway), attempts: []attempt{by(firstChannel, 0, 8)},
			deeds: []deed{{what: suppressed, app: twowayApp, to: "t1", channel: firstChannel, from: at(5)}}}, suppressed, 1, 0},

		{"three where two may go, by two channels", history{sends: ofApp(3, published{app: cappedApp, to: "c1"}),
			attempts: []attempt{by(mainChannel, 0, 1), by(firstChannel, 1, 2), by(mainChannel, 2, 10.9)},
			outcomes: []outcome{was("sent", 0, 1), was("sent", 1, 2), was("sent", 2, 11)}}, "caps", 1, 0},
		{"the third when the first is out of the window", history{sends: ofApp(3, published{app: cappedApp, to: "c1"}),
			attempts: []attempt{by(mainChannel, 0, 1), by(firstChannel, 1, 2), by(mainChannel, 2, 11)},
			outcomes: []outcome{was("sent", 0, 1), was("sent", 1, 2), was("sent", 2, 11)}}, "", 0, 0},
		{"one of them was open when its node died", history{sends: ofApp(3, published{app: cappedApp, to: "c1"}), faults: kill,
			attempts: []attempt{by(mainChannel, 0, 1), by(firstChannel, 1, 2.5), by(mainChannel, 2, 9)},
			outcomes: []outcome{was("sent", 0, 1.6), was("sent", 1, 2.5), was("sent", 2, 11)}}, "", 0, 1},
		{"all were another owner's", history{sends: ofApp(3, published{app: cappedApp, to: "c1"}), taken: taken,
			attempts: []attempt{by(mainChannel, 0, 4), by(firstChannel, 1, 5), by(mainChannel, 2, 6)},
			outcomes: []outcome{was("sent", 0, 4), was("sent", 1, 5), was("sent", 2, 6)}}, "", 0, 3},
		{"all came after their new owner", history{sends: ofApp(8, published{app: cappedApp, to: "c1"}), taken: taken,
			attempts: []attempt{by(mainChannel, 5, 5), by(firstChannel, 6, 6), by(mainChannel, 7, 7)},
			outcomes: []outcome{was("sent", 5, 5), was("sent", 6, 6), was("sent", 7, 7)}}, "caps", 1, 0},
		{"two too close", history{sends: ofApp(2, published{app: droppedApp, to: "d1"}),
			attempts: []attempt{by(mainChannel, 0, 1), by(mainChannel, 1, 1.9)}, outcomes: []outcome{was("sent", 0, 1), was("sent", 1, 2)}}, "caps", 1, 0},
		{"to one recipient too soon", history{sends: ofApp(2, published{app: pacedApp, to: "p1"}),
			attempts: []attempt{by(pacedChannel, 0, 1), by(pacedChannel, 1, 1.5)}}, "pairs", 1, 0},
		{"in time", history{sends: ofApp(2, published{app: pacedApp, to: "p1"}),
			attempts: []attempt{by(pacedChannel, 0, 1), by(pacedChannel, 1, 2)}}, "", 0, 0},
		{"by a new owner", history{sends: ofApp(2, published{app: pacedApp, to: "p1"}), attempts: []attempt{by(pacedChannel, 0, 1), other}}, "", 0, 1},

		{"an app above its rate", history{sends: ofApp(20, published{app: limitedApp}), attempts: together(mainChannel, 20)}, "limits", 1, 0},
		{"a campaign above its rate", history{sends: ofApp(20, published{app: canceledApp, campaign: "x0"}), attempts: together(mainChannel, 20)}, "limits", 1, 0},
		{"an account above its rate", history{sends: ofApp(20, twoway), attempts: together(firstChannel, 20)}, "limits", 1, 0},
		{"the burst, and what is tolerated", history{sends: ofApp(8, published{app: limitedApp}), attempts: together(mainChannel, 8)}, "", 0, 0},

		{"by both channels", history{sends: ofApp(1, twoway), attempts: []attempt{by(firstChannel, 0, 1), by(mainChannel, 0, 2)}}, "fallback", 1, 0},
		{"the first has given no answer", history{sends: ofApp(1, twoway), attempts: []attempt{unanswered, by(mainChannel, 0, 2)}}, "fallback", 1, 0},
		{"in doubt, and the first was suppressed meanwhile", history{sends: ofApp(1, twoway), attempts: []attempt{by(firstChannel, 0, 1), by(mainChannel, 0, 4)}, taken: taken,
			deeds: []deed{{what: suppressed, app: twowayApp, to: "t1", channel: firstChannel, from: at(2)}}}, "", 0, 1},
		{"in doubt, and it was not", history{sends: ofApp(1, twoway), attempts: []attempt{by(firstChannel, 0, 1), by(mainChannel, 0, 4)}, taken: taken}, "fallback", 1, 0},
		{"by one channel twice", history{sends: ofApp(1, twoway), attempts: []attempt{unanswered, by(firstChannel, 0, 2)}}, "", 0, 0},

		{"attempted though superseded", history{sends: ofApp(1, published{app: latestApp}), attempts: []attempt{failed, func() attempt { a := retry; a.sent = false; return a }()},
			outcomes: []outcome{was("superseded", 0, 1.5)}}, "collapse", 1, 0},
		{"attempted after a newer one", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 1, 1), by(mainChannel, 0, 1.1)}}, "collapse", 1, 0},
		{"attempted before it", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 0, 1), by(mainChannel, 1, 1.1)}}, "", 0, 0},
		{"again, since no answer came to the first", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 1, 1), retry}}, "", 0, 1},
		{"in doubt since a kill", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 0, 1), by(mainChannel, 1, 4), by(mainChannel, 0, 5)},
			faults: kill}, "", 0, 1},
		{"another owner's", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 1, 4), by(mainChannel, 0, 5)},
			taken: taken}, "", 0, 1},
		{"another shard's was", history{sends: ofApp(2, published{app: latestApp}), attempts: []attempt{by(mainChannel, 1, 4), by(mainChannel, 0, 5)},
			taken: []takeover{{shard: 1, at: at(3)}}}, "collapse", 1, 0},

		{"a breaker that does not open", history{sends: ofApp(1, published{app: shakyApp}), attempts: stubborn, deeds: locked}, "breaker", 1, 0},
		{"refused when it was all but over", history{sends: ofApp(1, published{app: shakyApp}), attempts: []attempt{refusal(4.9)}, deeds: locked}, "", 0, 0},
		{"one that does", history{sends: ofApp(1, published{app: shakyApp}), attempts: append(patient, refusal(3), refusal(4)), deeds: locked}, "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong, excused := wrongOf(c.history)
			if wrong[c.check] != c.wrong || c.check == "" && len(wrong) > 0 || len(wrong) > 1 {
				t.Errorf("wrong: %v, want %s: %d", wrong, c.check, c.wrong)
			}
			n := 0
			for _, each := range excused {
				n += each
			}
			if n != c.excused {
				t.Errorf("excused: %v, want %d", excused, c.excused)
			}
		})
	}
}

// The flow is switched on in the configuration that nodes get, by limits that
// its checks go by.
func TestFlow(t *testing.T) {
	f := newFlow(Config{Flow: true, SendsPerSecond: 300, Dir: "/run"}, zero.Add(55*time.Second))
	if f.Night() != "04:02-12:02" || f.Dark() != "12:02-20:02" {
		t.Errorf("night %s, dark %s", f.Night(), f.Dark())
	}
	share := 0.0
	for _, tr := range traits() {
		share += tr.share
	}
	if share > 0.6 {
		t.Errorf("%.2f of the load is flow; the plain load must be the most", share)
	}
	if newFlow(Config{}, zero) != nil {
		t.Error("a flow that nobody asked for")
	}
}
