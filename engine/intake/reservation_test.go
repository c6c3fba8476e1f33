package intake

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func reservations(t *rapid.T) Reservation {
	low := rapid.Int64Range(0, 1<<50).Draw(t, "low")
	r := Reservation{
		Low: low, Reserved: low + rapid.Int64Range(0, 1<<40).Draw(t, "ahead"),
		Due: rapid.Int64Range(0, 1<<45).Draw(t, "due"), Parked: rapid.IntRange(0, 1<<20).Draw(t, "parked"),
		Owner: rapid.StringMatching(`[a-zA-Z0-9=/._-]{0,128}`).Draw(t, "owner"),
	}
	for at := low; ; {
		at += rapid.Int64Range(1, 900).Draw(t, "gap")
		to := at + rapid.Int64Range(1, 900).Draw(t, "run")
		if to > low+MaxSpan || rapid.IntRange(0, 30).Draw(t, "stop") == 0 {
			return r
		}
		r.Done = append(r.Done, Run{at, to})
		at = to
	}
}

func TestReservationTextComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reservations(t)
		text := r.Text()
		if len(text) > 4096 {
			t.Fatalf("%d bytes", len(text))
		}
		got, err := ParseReservation(r.Low, text)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v became %+v by %q: %v", r, got, text, err)
		}
	})
}

// The longest text there can be is one that a broker keeps.
func TestReservationTextIsBounded(t *testing.T) {
	r := Reservation{
		Low: math.MaxInt64 - 2*MaxSpan, Reserved: math.MaxInt64, Due: math.MaxInt64, Parked: math.MaxInt,
		Owner: strings.Repeat("x", 1000),
	}
	for o := r.Low + 1; o < r.Low+2*MaxSpan-2; o += 2 { // past the span, too
		r.Done = append(r.Done, Run{o, o + 1})
	}
	text := r.Text()
	got, err := ParseReservation(r.Low, text)
	if len(text) > 4096 || err != nil || len(got.Done) != MaxSpan/2 || got.Owner != r.Owner[:maxOwner] {
		t.Errorf("%d bytes, %d runs, %v", len(text), len(got.Done), err)
	}
}

func TestTextsThatAreNotOurs(t *testing.T) {
	for _, c := range []struct {
		name, text string
		newer      int // format; 0: foreign
	}{
		{"nothing, as every other client commits", "", 0},
		{"another program's", "NOCONFLUENT", 0},
		{"our name alone", "carillon/", 0},
		{"no format", "carillon/x reserved=12", 0},
		{"no such format", "carillon/0 reserved=12", 0},
		{"a later format", "carillon/2 anything", 2},
		{"a damaged number", "carillon/1 reserved=1_000", 0},
		{"a negative number", "carillon/1 reserved=12 parked=-1", 0},
		{"nothing reserved, which cannot be", "carillon/1", 0},
		{"reserved below what is committed", "carillon/1 reserved=9", 0},
		{"a damaged map", "carillon/1 reserved=12 done=%%%", 0},
		{"a map that is too long", "carillon/1 reserved=12 done=" + strings.Repeat("A", 3000), 0},
	} {
		_, err := ParseReservation(10, c.text)
		var newer *NewerFormat
		switch {
		case c.newer == 0 && !errors.Is(err, ErrForeign), c.newer > 0 && (!errors.As(err, &newer) || newer.Format != c.newer):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// What a later version adds within the format is passed over.
	if r, err := ParseReservation(10, "carillon/1 reserved=12 colour=blue owner=a"); err != nil || r.Reserved != 12 || r.Owner != "a" {
		t.Errorf("%+v %v", r, err)
	}
}

func FuzzParseReservation(f *testing.F) {
	f.Add(int64(10), "carillon/1 reserved=12 due=3 parked=4 owner=a done=AQ")
	f.Add(int64(0), "carillon/2")
	f.Add(int64(math.MaxInt64), "carillon/1 reserved=9223372036854775807 done=____")
	f.Fuzz(func(t *testing.T, low int64, text string) {
		r, err := ParseReservation(low, text)
		if err != nil || len(r.Owner) > maxOwner || low < 0 || low > math.MaxInt64-MaxSpan {
			return
		}
		again, err := ParseReservation(low, r.Text())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v became %+v: %v", r, again, err)
		}
	})
}
