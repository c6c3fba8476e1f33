package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/shard"
	"github.com/carillonhq/carillon/engine/table"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is configured reaches the shards; where nothing is, they are not to look.
func TestCaps(t *testing.T) {
	for _, none := range []string{"", "caps: {apps: {shop: {}}}"} {
		if capsOf(parsed(t, none)) != nil {
			t.Errorf("%q caps something", none)
		}
	}
	const day, marketing = 24 * time.Hour, carillonv1.Class_CLASS_MARKETING
	type byClass = map[carillonv1.Class]shard.Cap
	want := &shard.Caps{
		Apps: map[string]byClass{
			"*":      {marketing: {Rule: caps.Rule{Limits: []caps.Limit{{Most: 3, Per: day}}, Apart: time.Hour}}},
			"alarms": {},
		},
		All:     byClass{marketing: {Rule: caps.Rule{Limits: []caps.Limit{{Most: 7, Per: 2 * day}}}, Drop: true}},
		Longest: 2 * day,
	}
	got := capsOf(parsed(t, `
caps:
  apps:
    "*": {marketing: {most: [3/d], apart: 1h}}
    alarms: {}
  all_apps: {marketing: {most: [7/2d], policy: drop}}
`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if shape := countedFor(got, nil).Shape; shape != (caps.Shape{Stamps: 7, Longest: 2 * day}) {
		t.Errorf("%+v", shape)
	}
}

// What was counted is of use for as long as the same sends are, whatever their caps.
func TestCountedFor(t *testing.T) {
	if countedFor(nil, nil) != nil {
		t.Error("something is counted for no caps")
	}
	of := func(text string) uint64 {
		return countedFor(capsOf(parsed(t, text)), &table.Memory{}).Scope
	}
	one := of("caps: {apps: {shop: {marketing: {most: [3/1d]}}}}")
	for _, c := range []struct {
		text string
		same bool
	}{
		{"caps: {apps: {shop: {marketing: {most: [9/1d, 1/1h], policy: drop}}}}", true},
		{"caps: {apps: {shop: {marketing: {most: [3/2d]}}}}", false},
		{"caps: {apps: {shop: {transactional: {most: [3/1d]}}}}", false},
		{"caps: {apps: {other: {marketing: {most: [3/1d]}}}}", false},
		{`caps: {apps: {"*": {marketing: {most: [3/1d]}}}}`, false},
		{"caps: {all_apps: {marketing: {most: [3/1d]}}}", false},
	} {
		if (of(c.text) == one) != c.same {
			t.Errorf("%s: want the same: %v", c.text, c.same)
		}
	}
}
