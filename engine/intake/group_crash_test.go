package intake

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A node that is killed keeps its shards for a session, as nobody can know
// better, and by itself gives them up no later.
func TestKilledMember(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		c.takes(0)
		nodes := c.start(4, "a", "b")
		nodes["b"].cutOff()
		cut := time.Now()
		time.Sleep(10 * time.Second)
		c.settles(2, 4, 0)
		c.settles(1, 4, 21*time.Second)
		if took := time.Since(cut); took < 29*time.Second {
			t.Errorf("taken over after %v: b was alive for all that a knows", took)
		}
		if err := nodes["b"].lastCause(); !errors.Is(err, ErrOver) || !strings.Contains(err.Error(), "has not answered for 30s") {
			t.Errorf("b's generation ended for %v", err)
		}
		if log := nodes["b"].log.String(); strings.Count(log, "no heartbeat gets through") != 1 {
			t.Errorf("b's log: %s", log)
		}
	})
}

// A session counts from the heartbeat, not from its answer: the group may have
// closed its books on this node before that came.
func TestSessionBeginsWithTheQuestion(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		seen := c.seen(kmsg.Heartbeat)
		c.cluster.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.cluster.SleepControl(func() { time.Sleep(5 * time.Second) })
			return nil, nil, false
		})
		a := c.node("a")
		a.run()
		if err := seen.Wait(within(t), 1); err != nil {
			t.Fatal(err)
		}
		asked := time.Now().Add(-5 * time.Second) // one is seen when it is answered
		time.Sleep(time.Second)
		a.cutOff()
		for a.ended() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(asked).Round(time.Second); took != 30*time.Second {
			t.Errorf("the generation ended %v after the heartbeat", took)
		}
	})
}

// A node that comes back after a crash takes its former self out of the group:
// nobody waits for that.
func TestRestartAfterCrash(t *testing.T) {
	for _, c := range []struct {
		name        string
		remembers   bool
		least, most time.Duration
	}{
		{"remembered", true, 0, 4 * time.Second},
		{"forgotten", false, 25 * time.Second, 31 * time.Second}, // why it is remembered
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			inVirtualTime(t, 4, func(t *testing.T, council *council) {
				council.start(4, "a")
				first := council.node("b").remember(dir)
				first.run()
				council.settles(2, 4, 5*time.Second)
				first.kill()
				second := council.node("b again")
				if c.remembers {
					second.remember(dir)
				}
				began := time.Now()
				second.run()
				council.settles(2, 4, c.most)
				if took := time.Since(began); took < c.least {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// A node may take longer than a session to give its shards up, and stays who it
// is. So do those who wait for it.
func TestLongDrain(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		a := c.node("a")
		a.slow = 48 * time.Second // session 30 s, rebalance 60 s
		a.run()
		c.settles(1, 4, 5*time.Second)
		c.join("b")
		c.settles(2, 4, 52*time.Second)
		was := []string{c.now("a").Member, c.now("b").Member}
		leave := c.join("c")
		c.settles(3, 4, 52*time.Second)
		leave()
		c.settles(2, 4, 52*time.Second)
		if is := []string{c.now("a").Member, c.now("b").Member}; !slices.Equal(is, was) || a.generations[0].Member != was[0] {
			t.Errorf("they were %v and are %v", was, is)
		}
	})
}

// One that takes longer than the rebalance timeout is thrown out, and comes back
// under another id.
func TestTooLongDrain(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		c.takes(70 * time.Second) // rebalance 60 s
		nodes := c.start(4, "a")
		was := c.now("a").Member
		c.takes(0)
		c.join("b")
		time.Sleep(65 * time.Second)
		if got := c.now("b").Shards; len(got) != 4 {
			t.Errorf("b has %v while a is gone", got)
		}
		c.mu.Lock()
		c.faults = nil // a had them, too: it was told 60 s before
		c.mu.Unlock()
		c.settles(2, 4, 10*time.Second)
		if is := c.now("a").Member; is == was {
			t.Error("a kept its id")
		}
		if err := nodes["a"].lastCause(); !errors.Is(err, kafkago.RebalanceInProgress) {
			t.Errorf("a's generation ended for %v", err)
		}
	})
}

// A node that is told to stop while it waits for others leaves at once.
func TestStopWhileJoining(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		c.takes(20 * time.Second)
		c.start(4, "a")
		seen := c.seen(kmsg.JoinGroup)
		leave := c.join("b")
		if err := seen.Wait(within(t), 2); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		leave()
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("leaving took %v", took)
		}
		c.settles(1, 4, 25*time.Second)
		if info := c.cluster.GroupInfo("g"); len(info.Members) != 1 {
			t.Errorf("%d members", len(info.Members))
		}
	})
}

// What a node says it owns counts no more when it has slept through a generation
// that gave it to another.
func TestSleeperClaimsNothing(t *testing.T) {
	inVirtualTime(t, 2, func(t *testing.T, c *council) {
		c.takes(0)
		nodes := c.start(2, "a")
		nodes["a"].cutOff()
		time.Sleep(31 * time.Second)
		c.join("b")
		c.settles(1, 2, 35*time.Second)
		nodes["a"].mu.Lock()
		nodes["a"].dead = false
		nodes["a"].mu.Unlock()
		c.settles(2, 2, 10*time.Second)
		if a, b := c.now("a").Shards, c.now("b").Shards; !slices.Equal(b, []int32{0}) || !slices.Equal(a, []int32{1}) {
			t.Errorf("b has %v, a %v: b had both, and gives up the last", b, a)
		}
	})
}
