package shard

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// halt reads "cancel c1 campaign=x", "paused p1 channel=sms", "undo c1", "progress
// c1 5": a name, and what it is about; or how far that is, with the log's end.
func (tr *trace) halt(verb string, args []string) {
	set := map[string]string{"app": "shop"}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		set[name] = value
	}
	switch verb {
	case "cancel":
		c := Cancel{Request: args[0], App: set["app"], Campaign: set["campaign"], ID: set["id"], Until: tr.now.Add(time.Hour).UnixMilli()}
		if c.ID != "" {
			c.Recipient = "u1"
		}
		if _, before := set["before"]; before {
			c.Before = tr.now.UnixMilli()
		}
		tr.cancels = append(tr.cancels, c)
	case "paused":
		p := Pause{Request: args[0], Scope: Scope{App: set["app"], Campaign: set["campaign"]}}
		if channel := set["channel"]; channel != "" {
			p.Scope = Scope{Channel: channel, Account: set["account"]}
		}
		tr.pauses = append(tr.pauses, p)
	case "undo":
		tr.cancels = slices.DeleteFunc(tr.cancels, func(c Cancel) bool { return c.Request == args[0] })
		tr.pauses = slices.DeleteFunc(tr.pauses, func(p Pause) bool { return p.Request == args[0] })
	}
	tr.giveHalts()
}

func (tr *trace) giveHalts() {
	tr.shard.Halt(NewHalts(slices.Clone(tr.cancels), slices.Clone(tr.pauses)))
}

// progress shows how far the shard is with all that its log has.
func (tr *trace) progress(request string) {
	got := make(chan string, 1)
	go func() {
		r, err := tr.shard.Progress(context.Background(), request, tr.offset)
		p := r.GetProgress()
		got <- fmt.Sprintf("%s: sends=%d late=%d under way=%d unread=%d done=%v %v", request, p.GetSends(), p.GetLate(), p.GetUnderWay(), p.GetUnread(), r.Done, err)
	}()
	for {
		tr.shard.turn(tr.now)
		select {
		case text := <-got:
			tr.effect("%s", strings.TrimSuffix(text, " <nil>"))
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// What a cancel or a pause covers.
func TestHalts(t *testing.T) {
	now := traceStart
	ms := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	it := func(app, campaign, id string, accepted time.Duration) *item {
		it := &item{accepted: now.Add(accepted), key: send.KeyOf(app, "u1", id)}
		it.Send = &carillonv1.Send{App: app, Campaign: campaign, Id: id, To: &carillonv1.Recipient{Id: "u1"}}
		return it
	}
	forEver := ms(time.Hour)
	for _, c := range []struct {
		name    string
		cancels []Cancel
		it      *item
		want    string
	}{
		{"nothing stands", nil, it("a", "c", "m", 0), ""},
		{"its campaign", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: forEver}}, it("a", "c", "m", 0), "x"},
		{"a later send of it", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: forEver}}, it("a", "c", "m", time.Minute), "x"},
		{"another campaign", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: forEver}}, it("a", "d", "m", 0), ""},
		{"no campaign", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: forEver}}, it("a", "", "m", 0), ""},
		{"another app's campaign of that name", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: forEver}}, it("b", "c", "m", 0), ""},
		{"its app, accepted before", []Cancel{{Request: "x", App: "a", Before: ms(0), Until: forEver}}, it("a", "c", "m", -time.Second), "x"},
		{"its app, accepted after", []Cancel{{Request: "x", App: "a", Before: ms(0), Until: forEver}}, it("a", "c", "m", 0), ""},
		{"one send", []Cancel{{Request: "x", App: "a", Recipient: "u1", ID: "m", Until: forEver}}, it("a", "c", "m", 0), "x"},
		{"that id, to somebody else", []Cancel{{Request: "x", App: "a", Recipient: "u2", ID: "m", Until: forEver}}, it("a", "c", "m", 0), ""},
		{"it stands no more", []Cancel{{Request: "x", App: "a", Campaign: "c", Until: ms(0)}}, it("a", "c", "m", 0), ""},
		// Whoever asks last hears of it, as far as that reaches.
		{"twice", []Cancel{
			{Request: "x", App: "a", Campaign: "c", Until: forEver}, {Request: "y", App: "a", Campaign: "c", Until: forEver},
		}, it("a", "c", "m", 0), "y"},
		{"a narrow one after a wide one", []Cancel{
			{Request: "x", App: "a", Until: forEver}, {Request: "y", App: "a", Before: ms(-time.Hour), Until: forEver},
		}, it("a", "c", "m", 0), "x"},
	} {
		got := ""
		if h := NewHalts(c.cancels, nil); h != nil {
			if by := h.cancels(c.it, now); by != nil {
				got = by.Request
			}
		}
		if got != c.want {
			t.Errorf("%s: canceled by %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name  string
		scope Scope
		want  bool
	}{
		{"its app", Scope{App: "a"}, true},
		{"another app", Scope{App: "b"}, false},
		{"its campaign", Scope{App: "a", Campaign: "c"}, true},
		{"another app's", Scope{App: "b", Campaign: "c"}, false},
		{"its channel", Scope{Channel: "sms"}, true},
		{"its account", Scope{Channel: "sms", Account: "main"}, true},
		{"another account", Scope{Channel: "sms", Account: "second"}, false},
	} {
		h := NewHalts(nil, []Pause{{Request: "p", Scope: c.scope}})
		if got := h.paused(it("a", "c", "m", 0), "sms", "main") != nil; got != c.want {
			t.Errorf("%s is paused: %v, want %v", c.name, got, c.want)
		}
	}
	again := it("a", "c", "m", 0)
	again.reason = why(ClassOperator, CodeResend)
	if h := NewHalts(nil, []Pause{{Scope: Scope{App: "a"}}}); h.paused(again, "sms", "main") != nil {
		t.Error("what an operator has sent again waits for an operator")
	}
}

// haltedNow says what stands of a send in the simulation.
func (s *sim) haltedNow(k *known) (canceled, paused bool) {
	it := &item{accepted: k.at, key: send.KeyOf(k.app, "u1", k.id)}
	it.Send = &carillonv1.Send{App: k.app, Campaign: k.campaign, Id: k.id}
	h := s.trace.shard.halts
	if h == nil {
		return false, false
	}
	return h.cancels(it, s.trace.now) != nil, h.paused(it, cmp.Or(k.by, k.channel), "default") != nil
}

// recalled checks that nothing waits in a lane that has been canceled or paused.
func (s *sim) recalled() {
	if s.trace.shard.still() || s.trace.shard.news || s.trace.shard.stalled {
		return
	}
	for _, a := range s.trace.pushed {
		if canceled, paused := s.haltedNow(s.known[a.Send.Id]); canceled || paused && !a.Ref.(*item).resent() {
			s.fatalf("%s waits in its lane (canceled: %v, paused: %v)", a.Send.Id, canceled, paused)
		}
	}
}

// BenchmarkHalts is what a send costs that no cancel and no pause is about, with
// as many of each kind as stand.
func BenchmarkHalts(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		var cancels []Cancel
		var pauses []Pause
		for i := range n {
			name := fmt.Sprint("x", i)
			cancels = append(cancels, Cancel{App: "shop", Campaign: name, Until: math.MaxInt64}, Cancel{App: "shop", Recipient: "u1", ID: name, Until: math.MaxInt64})
			pauses = append(pauses, Pause{Scope: Scope{App: "shop", Campaign: name}})
		}
		h := NewHalts(cancels, pauses)
		it := &item{key: send.KeyOf("shop", "u1", "m1"), accepted: traceStart}
		it.Send = &carillonv1.Send{Id: "m1", App: "shop", Campaign: "spring", To: &carillonv1.Recipient{Id: "u1"}}
		b.Run(fmt.Sprint("standing=", n), func(b *testing.B) {
			for b.Loop() {
				if h.cancels(it, traceStart) != nil || h.paused(it, "sms", "main") != nil {
					b.Fatal("it is halted")
				}
			}
		})
	}
}
