package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// A story in the small: records, attempts and outcomes of the one send m.
func produced(channel string, offset int64) accepted {
	return accepted{id: "m", channel: channel, place: send.Source{Topic: "sends", Offset: offset}}
}

func tried(process string, seconds float64) attempt {
	return attempt{
		id: "m", key: "k", process: process, at: at(seconds), delivered: true, answered: true,
		verdict: channelv1.Verdict_VERDICT_ACCEPTED,
	}
}

func unanswered(process string, seconds float64) attempt {
	a := tried(process, seconds)
	a.answered = false
	return a
}

func ended(state string, offset int64, seconds float64) outcome {
	return outcome{id: "m", event: state + string(rune('0'+offset)), state: state, at: at(seconds), source: send.Source{Topic: "sends", Offset: offset}}
}

// Each case breaks at most one promise, and the checker names it.
func TestVirtualChecker(t *testing.T) {
	kill := []strike{{kind: killed, process: "a1", from: at(10), to: at(12)}}
	expiring := produced("plain", 0)
	expiring.expires = at(5)
	scheduled := produced("plain", 0)
	scheduled.sendAt = at(5)
	otherKey := tried("b1", 14)
	otherKey.key = "another"
	failed := tried("a1", 1)
	failed.delivered, failed.verdict = false, channelv1.Verdict_VERDICT_FAILED
	for _, c := range []struct {
		name     string
		evidence evidence
		want     string // "" where all is well
	}{
		{"sent once", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 1)}, outcomes: []outcome{ended("sent", 0, 2)},
		}, ""},
		{"no outcome", evidence{records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 1)}}, "0 outcomes"},
		{"two outcomes", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 1)},
			outcomes: []outcome{ended("sent", 0, 2), ended("unknown", 0, 3)},
		}, "2 outcomes"},
		{"one event twice is one", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 1)},
			outcomes: []outcome{ended("sent", 0, 2), ended("sent", 0, 3)},
		}, ""},
		{"a second record is a duplicate", evidence{
			records: []accepted{produced("plain", 0), produced("plain", 7)}, attempts: []attempt{tried("a1", 1)},
			outcomes: []outcome{ended("sent", 0, 2), ended("duplicate", 7, 3)},
		}, ""},
		{"a second record without an outcome", evidence{
			records: []accepted{produced("plain", 0), produced("plain", 7)}, attempts: []attempt{tried("a1", 1)}, outcomes: []outcome{ended("sent", 0, 2)},
		}, "{sends 0 7} has 0 outcomes"},
		{"sent, and no provider knows", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{failed}, outcomes: []outcome{ended("sent", 0, 2)},
		}, "no provider accepted it"},
		{"expired, and delivered", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{unanswered("a1", 1)}, outcomes: []outcome{ended("expired", 0, 9)},
		}, "and it was delivered"},
		{"doubled for no reason", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 1), tried("a1", 3)}, outcomes: []outcome{ended("sent", 0, 3)},
		}, "without a reason"},
		{"doubled since an answer was lost", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{unanswered("a1", 1), tried("a1", 7)}, outcomes: []outcome{ended("sent", 0, 8)},
		}, ""},
		{"doubled since it was open at a kill", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 9.9), tried("b1", 14)},
			outcomes: []outcome{ended("sent", 0, 15)}, strikes: kill,
		}, ""},
		{"open at a kill, and a second record was a duplicate before it", evidence{
			records: []accepted{produced("plain", 0), produced("plain", 7)}, attempts: []attempt{tried("a1", 9.9), tried("b1", 14)},
			outcomes: []outcome{ended("duplicate", 7, 9), ended("sent", 0, 15)}, strikes: kill,
		}, ""},
		{"open at the kill of another process", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("c1", 9.9), tried("b1", 14)},
			outcomes: []outcome{ended("sent", 0, 15)}, strikes: kill,
		}, "without a reason"},
		{"open while a broker was away for a session", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 10.5), tried("b1", 24)},
			outcomes: []outcome{ended("sent", 0, 24.5)}, strikes: []strike{{kind: brokerDown, from: at(10), to: at(20)}},
		}, ""},
		{"open while a broker was away for a moment", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 10.5), tried("b1", 24)},
			outcomes: []outcome{ended("sent", 0, 24.5)}, strikes: []strike{{kind: brokerDown, from: at(10), to: at(12)}},
		}, "without a reason"},
		{"settled before the kill", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 8), tried("b1", 14)},
			outcomes: []outcome{ended("sent", 0, 9)}, strikes: kill,
		}, "without a reason"},
		{"a channel that holds has no excuse", evidence{
			records: []accepted{produced("held", 0)}, attempts: []attempt{tried("a1", 9.9), tried("b1", 14)},
			outcomes: []outcome{ended("sent", 0, 15)}, strikes: kill,
		}, "and the channel holds"},
		{"another key", evidence{
			records: []accepted{produced("plain", 0)}, attempts: []attempt{tried("a1", 9.9), otherKey},
			outcomes: []outcome{ended("sent", 0, 15)}, strikes: kill,
		}, "2 keys"},
		{"after its expiry", evidence{
			records: []accepted{expiring}, attempts: []attempt{tried("a1", 6)}, outcomes: []outcome{ended("sent", 0, 7)},
		}, "attempted after"},
		{"before its time", evidence{
			records: []accepted{scheduled}, attempts: []attempt{tried("a1", 4)}, outcomes: []outcome{ended("sent", 0, 7)},
		}, "attempted before"},
		{"nobody's send", evidence{attempts: []attempt{tried("a1", 4)}, outcomes: []outcome{ended("sent", 0, 7)}}, "never produced"},
		{"left in the ledger", evidence{parked: []string{"shop/u1/m"}}, "still in `ledger`"},
		{"left behind the commit", evidence{unread: map[kafka.Partition]int64{{Topic: "sends"}: 3}}, "3 records are behind the commit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(check(&c.evidence).faults, "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestVirtualOvershoot(t *testing.T) {
	k := channelKind{name: "plain", rate: 10, burst: 2}
	for _, c := range []struct {
		name string
		at   []float64
		want float64
	}{
		{"the burst, then the rate", []float64{0, 0, 0.1, 0.2, 0.3}, 0},
		{"three at once", []float64{0, 0, 0}, 1},
		{"a pause makes up for nothing", []float64{0, 0, 5, 5, 5, 5}, 2},
	} {
		var all []attempt
		for _, s := range c.at {
			all = append(all, attempt{channel: "plain", at: at(s)})
		}
		if got := overshoot(all, k); got > c.want+1e-9 || got < c.want-1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
