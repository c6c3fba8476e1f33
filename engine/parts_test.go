package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/shard"
)

func TestFindPrefersAnAppsOwnAccount(t *testing.T) {
	all := newLanes()
	add := func(channel, account string, apps ...string) {
		all.add(channel, apps, lane.New(lane.Config{Channel: channel, Account: account}, nil, nil, zerolog.Nop(), time.Time{}))
	}
	add("sms", "a-common", "*")
	add("sms", "b-shop", "shop", "bank")
	add("sms", "c-shop", "shop")
	add("email", "only", "bank")
	for _, c := range []struct{ name, channel, app, account, code string }{
		{"its own goes before everybody's", "sms", "bank", "b-shop", ""},
		{"the first of several of its own", "sms", "shop", "b-shop", ""},
		{"everybody's where it has none", "sms", "other", "a-common", ""},
		{"no account of the channel is for it", "email", "shop", "", shard.CodeNoAccount},
		{"nobody knows the channel", "fax", "shop", "", shard.CodeUnknownChannel},
	} {
		way, code := all.Find(c.channel, c.app)
		account := ""
		if way != nil {
			_, account = way.Name()
		}
		if account != c.account || code != c.code {
			t.Errorf("%s: %q %q, want %q %q", c.name, account, code, c.account, c.code)
		}
	}
	count := 0
	all.each(func(*lane.Lane) { count++ })
	if count != 4 {
		t.Errorf("each sees %d lanes", count)
	}
}

// The last that was built goes first; a step that fails or hangs keeps no
// other from its turn, and all of them are told of.
func TestTeardown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		var stop teardown
		release := make(chan struct{})
		step := func(name string, err error) {
			stop.add(name, func() error { order = append(order, name); return err })
		}
		step("first", nil)
		step("second", errors.New("no luck"))
		stop.add("third", func() error { <-release; return nil })
		step("fourth", nil)
		began := time.Now()
		err := stop.run(zerolog.Nop())
		if want := []string{"fourth", "second", "first"}; !slices.Equal(order, want) {
			t.Errorf("%v, want %v", order, want)
		}
		if took := time.Since(began); took != stepTimeout {
			t.Errorf("it took %v", took)
		}
		for _, want := range []string{"stop second: no luck", "stop third: still running after 30s"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
		close(release)
	})
	if err := new(teardown).run(zerolog.Nop()); err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	h := newHealth()
	if got := h.report(); len(got) != 2 {
		t.Errorf("at first: %v", got)
	}
	h.set("kafka", nil)
	h.set("shards", nil)
	h.set("gone", nil) // never was
	h.set(quarantined+"sends/2", errors.New("a gap"))
	h.set(quarantined+"sends/1", errors.New("damaged"))
	h.set("channel sms", errors.New("down"))
	want := []string{"channel sms: down", "partition sends/1: damaged", "partition sends/2: a gap"}
	if got := h.report(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	h.forget(quarantined)
	if got := h.report(); !slices.Equal(got, want[:1]) {
		t.Errorf("%v, want %v", got, want[:1])
	}
	h.set("channel sms", nil)
	if got := h.report(); got == nil || len(got) != 0 { // an empty list in JSON, not null
		t.Errorf("%v", got)
	}
}
