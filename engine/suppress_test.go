package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/suppress"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// A node that can't see to whom nothing may go does not begin.
func TestBlind(t *testing.T) {
	ours, err := suppress.NewKey("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := suppress.NewKey("another secret of 16 bytes")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		key   *suppress.Key
		under []*suppress.Key // each a suppression
		want  string
	}{
		{"nothing is suppressed, and there is no key", nil, nil, ""},
		{"all is under the node's key", ours, []*suppress.Key{ours, ours}, ""},
		{"some is under an old one", ours, []*suppress.Key{ours, theirs}, ""},
		{"all is under an old one", ours, []*suppress.Key{theirs}, "all 1 suppressions are under another key"},
		{"there is no key", nil, []*suppress.Key{ours, ours}, "set suppression.key to the one they were made with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := suppress.NewTable(c.key)
			for i, k := range c.under {
				e := suppress.Entry{
					Hash: suppress.Hash{byte(i)}, Scope: suppress.Scope{App: suppress.Any, Channel: suppress.Any},
					Suppression: &controlv1.Suppression{Because: controlv1.Because_BECAUSE_BLOCKED, Key: k.Check},
				}
				r, err := e.Record()
				if err == nil {
					_, err = table.Take(&r, time.Now())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			err := (&suppressions{Table: table, key: c.key != nil}).blind()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
