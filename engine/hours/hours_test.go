package hours_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/hours"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func window(t testing.TB, s string) hours.Window {
	t.Helper()
	w, err := hours.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Times are UTC. The dates of the changes are those of the IANA time zone
// database.
func TestAt(t *testing.T) {
	for _, c := range []struct {
		name, window, zone, at string
		inside                 bool
		until                  string
	}{
		// An ordinary night, on both sides of midnight.
		{"evening", "22:00-08:00", "Europe/Lisbon", "2026-01-15T22:00:00Z", true, "2026-01-16T08:00:00Z"},
		{"morning", "22:00-08:00", "Europe/Lisbon", "2026-01-16T07:59:59Z", true, "2026-01-16T08:00:00Z"},
		// The end is not in it, and the next night is what comes.
		{"the end", "22:00-08:00", "Europe/Lisbon", "2026-01-16T08:00:00Z", false, "2026-01-16T22:00:00Z"},
		// The last nanosecond before it begins.
		{"just before", "22:00-08:00", "Europe/Lisbon", "2026-01-15T21:59:59.999999999Z", false, "2026-01-15T22:00:00Z"},
		// A window within one day.
		{"siesta", "13:00-15:30", "Europe/Lisbon", "2026-07-15T12:30:00Z", true, "2026-07-15T14:30:00Z"},
		{"after the siesta", "13:00-15:30", "Europe/Lisbon", "2026-07-15T14:30:00Z", false, "2026-07-16T12:00:00Z"},
		// +05:45: 22:00 there is 16:15 UTC, 08:00 is 02:15.
		{"before the night in Kathmandu", "22:00-08:00", "Asia/Kathmandu", "2026-01-15T16:14:00Z", false, "2026-01-15T16:15:00Z"},
		{"the night in Kathmandu", "22:00-08:00", "Asia/Kathmandu", "2026-01-15T16:15:00Z", true, "2026-01-16T02:15:00Z"},
		// Lisbon skips 01:00 to 02:00: the night has nine hours.
		{"spring night", "22:00-08:00", "Europe/Lisbon", "2026-03-28T22:00:00Z", true, "2026-03-29T07:00:00Z"},
		// Lisbon repeats 01:00 to 02:00: the night has eleven.
		{"autumn night", "22:00-08:00", "Europe/Lisbon", "2026-10-24T21:00:00Z", true, "2026-10-25T08:00:00Z"},
		// New York, the same by other dates.
		{"spring in New York", "22:00-08:00", "America/New_York", "2026-03-08T04:00:00Z", true, "2026-03-08T12:00:00Z"},
		{"autumn in New York", "22:00-08:00", "America/New_York", "2026-11-01T03:00:00Z", true, "2026-11-01T13:00:00Z"},
		// The end is skipped: it is over when clocks jump, from 01:00 to 02:00.
		{"end in the gap", "22:00-01:30", "Europe/Lisbon", "2026-03-29T00:30:00Z", true, "2026-03-29T01:00:00Z"},
		// The beginning is skipped: it begins at the jump.
		{"beginning in the gap", "01:30-08:00", "Europe/Lisbon", "2026-03-29T00:30:00Z", false, "2026-03-29T01:00:00Z"},
		// All of it is skipped: there is none in that night.
		{"all of it in the gap", "01:10-01:50", "Europe/Lisbon", "2026-03-29T00:30:00Z", false, "2026-03-30T00:10:00Z"},
		// The end is shown twice: 01:30 summer time, then from 01:00 to 01:30 again.
		{"first end in the overlap", "22:00-01:30", "Europe/Lisbon", "2026-10-25T00:00:00Z", true, "2026-10-25T00:30:00Z"},
		{"between the ends", "22:00-01:30", "Europe/Lisbon", "2026-10-25T00:30:00Z", false, "2026-10-25T01:00:00Z"},
		{"second end in the overlap", "22:00-01:30", "Europe/Lisbon", "2026-10-25T01:00:00Z", true, "2026-10-25T01:30:00Z"},
		// It would end when clocks go back into it: that is no end.
		{"end at the change", "22:00-02:00", "Europe/Lisbon", "2026-10-25T00:30:00Z", true, "2026-10-25T02:00:00Z"},
		// Clocks go back out of it, before it begins again.
		{"out of it again", "01:30-08:00", "Europe/Lisbon", "2026-10-25T00:45:00Z", true, "2026-10-25T01:00:00Z"},
		// Lord Howe changes by half an hour: 10:30 to 11, at 02:00 in October.
		{"spring on Lord Howe", "22:00-08:00", "Australia/Lord_Howe", "2026-10-03T11:30:00Z", true, "2026-10-03T21:00:00Z"},
		{"end in Lord Howe's gap", "22:00-02:15", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", true, "2026-10-03T15:30:00Z"},
		// And back at 02:00 in April, to 01:30.
		{"autumn on Lord Howe", "22:00-08:00", "Australia/Lord_Howe", "2026-04-04T11:00:00Z", true, "2026-04-04T21:30:00Z"},
		// Samoa had no 30 December 2011: the night is as long as any.
		{"a day that is skipped", "22:00-08:00", "Pacific/Apia", "2011-12-30T08:30:00Z", true, "2011-12-30T18:00:00Z"},
		{"before a day that is skipped", "09:00-17:00", "Pacific/Apia", "2011-12-30T09:00:00Z", false, "2011-12-30T19:00:00Z"},
		// The change is at midnight: Beirut shows no 00:00 that day.
		{"a gap at midnight", "00:00-06:00", "Asia/Beirut", "2026-03-28T21:30:00Z", false, "2026-03-28T22:00:00Z"},
		// A zone without any change, and a year that no table reaches.
		{"UTC", "22:00-08:00", "UTC", "2026-01-15T23:00:00Z", true, "2026-01-16T08:00:00Z"},
		{"far ahead", "22:00-08:00", "Europe/Lisbon", "2180-07-15T22:00:00Z", true, "2180-07-16T07:00:00Z"},
		// All but a minute.
		{"nearly always", "00:01-00:00", "UTC", "2026-01-15T00:01:00Z", true, "2026-01-16T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, c.at)
			if err != nil {
				t.Fatal(err)
			}
			inside, until := window(t, c.window).At(at, zone(t, c.zone))
			if inside != c.inside || until.UTC().Format(time.RFC3339Nano) != c.until {
				t.Errorf("%s in %s at %s: inside %v until %s; want %v until %s",
					c.window, c.zone, c.at, inside, until.UTC().Format(time.RFC3339Nano), c.inside, c.until)
			}
		})
	}
}

// A watch that looks at the wall clock every minute comes to the same, in any
// zone at any time.
func TestAtAsAWatch(t *testing.T) {
	zones := []string{
		"Europe/Lisbon", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut",
		"America/St_Johns", "Africa/Casablanca", "Antarctica/Troll", "UTC",
	}
	rapid.Check(t, func(r *rapid.T) {
		from, to := rapid.IntRange(0, 1439).Draw(r, "from"), rapid.IntRange(0, 1438).Draw(r, "to")
		if to >= from {
			to++
		}
		clock := func(m int) string { return time.Unix(int64(m)*60, 0).UTC().Format("15:04") }
		w := window(t, clock(from)+"-"+clock(to))
		z := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		shows := func(at time.Time) bool {
			at = at.In(z)
			m := 60*at.Hour() + at.Minute()
			if from < to {
				return from <= m && m < to
			}
			return from <= m || m < to
		}
		// Minutes since 2005; offsets are whole minutes since long before.
		at := time.Unix(60*rapid.Int64Range(18_406_080, 37_869_120).Draw(r, "at"), 0)
		if rapid.Bool().Draw(r, "near a change") {
			if _, change := at.In(z).ZoneBounds(); !change.IsZero() {
				// Go ends its tables of changes at some second of 2038.
				at = change.Truncate(time.Minute).Add(time.Duration(rapid.IntRange(-1500, 100).Draw(r, "after it")) * time.Minute)
			}
		}
		want := at
		for shows(want) == shows(at) {
			want = want.Add(time.Minute)
		}
		inside, until := w.At(at, z)
		if inside != shows(at) || !until.Equal(want) {
			r.Fatalf("%v in %v at %v: inside %v until %v; a watch says %v until %v", w, z, at.In(z), inside, until, shows(at), want.In(z))
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"22:00-08:00", "22:00-08:00"},
		{"00:00-23:59", "00:00-23:59"},
		{"", ""},            // none is no window
		{"22-8", ""},        // hours alone
		{"22:00", ""},       // no end
		{"22:00-24:00", ""}, // 00:00 is the end of a day
		{"22:60-08:00", ""}, // no such minute
		{"22:00–08:00", ""}, // a dash
		{"08:00-08:00", ""}, // no length
		{"9:00-17:00", ""},  // one digit
	} {
		w, err := hours.Parse(c.text)
		if w.String() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q is %q, %v", c.text, w, err)
		}
	}
	if inside, until := (hours.Window{}).At(time.Now(), time.UTC); inside || !until.IsZero() {
		t.Error("something is in no window")
	}
}

func BenchmarkAt(b *testing.B) {
	w, z, at := window(b, "22:00-08:00"), zone(b, "Europe/Lisbon"), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		w.At(at, z)
	}
}
