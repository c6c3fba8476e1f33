// Package hours knows windows of the day, such as 22:00-08:00, by the clocks of
// a time zone. It is pure: the time is passed in.
//
// The clock on the wall decides, and nothing else: a moment is in a window if
// clocks of the zone show a time in it. So where they skip an hour the window
// of that night is an hour shorter, and where they repeat one an hour longer.
// An edge that is skipped is where clocks jump over it; one that is shown twice
// is passed twice: what is repeated of the window is in it again.
package hours

import (
	"fmt"
	"time"
)

// Window is a part of the day: from its first minute on, before its last. It may
// cross midnight. The zero Window is none; nothing is in it. It is a value, safe
// for concurrent use.
type Window struct{ from, to int16 } // minutes after midnight

const form = "15:04"

// Parse reads a window: two times of the day from 00:00 to 23:59 with a hyphen
// between them, such as 22:00-08:00. One of no length is an error.
func Parse(s string) (Window, error) {
	wrong := fmt.Errorf("%q must be a part of the day such as 22:00-08:00", s)
	if len(s) != 2*len(form)+1 || s[len(form)] != '-' {
		return Window{}, wrong
	}
	from, err := time.Parse(form, s[:len(form)])
	to, err2 := time.Parse(form, s[len(form)+1:])
	switch {
	case err != nil || err2 != nil:
		return Window{}, wrong
	case from.Equal(to):
		return Window{}, fmt.Errorf("%q has no length; give two different times, or leave the key out", s)
	}
	return Window{minute(from), minute(to)}, nil
}

func minute(t time.Time) int16 { return int16(60*t.Hour() + t.Minute()) }

// None says whether it is the zero Window.
func (w Window) None() bool { return w == Window{} }

// String writes the window as Parse reads it; "" for none.
func (w Window) String() string {
	if w.None() {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60)
}

// At says whether t is in the window by the clocks of zone, and until when that
// stays so. Of the zero Window it says no, and the zero time.
func (w Window) At(t time.Time, zone *time.Location) (inside bool, until time.Time) {
	if w.None() {
		return false, time.Time{}
	}
	t = t.In(zone)
	inside = w.shows(t)
	for {
		edge := w.from
		if inside {
			edge = w.to
		}
		left := (time.Duration(edge)*time.Minute - sinceMidnight(t) + 24*time.Hour) % (24 * time.Hour)
		until = t.Add(left)
		_, change := t.ZoneBounds()
		if change.IsZero() || until.Before(change) {
			return inside, until
		}
		// Clocks are changed before, or then.
		if t = change; w.shows(t) != inside {
			return inside, t
		}
	}
}

// Has says whether t is in the window by the clocks of zone.
func (w Window) Has(t time.Time, zone *time.Location) bool {
	return !w.None() && w.shows(t.In(zone))
}

// shows says whether a clock that shows t is in the window.
func (w Window) shows(t time.Time) bool {
	now := minute(t)
	if w.from < w.to {
		return w.from <= now && now < w.to
	}
	return w.from <= now || now < w.to
}

// sinceMidnight is what the clock shows. It is not the time since then: clocks
// may have been changed.
func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(60*t.Hour()+t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}
