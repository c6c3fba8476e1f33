package send

import (
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// StateName returns a state as JSON has it: "in_doubt". Empty for none and for
// one that this version does not know.
func StateName(s carillonv1.State) string { return enumName(stateNames[:], int32(s)) }

// KindName returns a kind as JSON has it: "outcome".
func KindName(k carillonv1.Kind) string { return enumName(kindNames[:], int32(k)) }

// ClassName returns a class as JSON has it: "transactional".
func ClassName(c carillonv1.Class) string { return enumName(classNames[:], int32(c)) }

// ParseState returns the state of that name. ok is false where there is none.
func ParseState(name string) (s carillonv1.State, ok bool) {
	i, ok := enumNumber(stateNames[:], name)
	return carillonv1.State(i), ok
}

// ParseKind returns the kind of that name.
func ParseKind(name string) (k carillonv1.Kind, ok bool) {
	i, ok := enumNumber(kindNames[:], name)
	return carillonv1.Kind(i), ok
}

// ParseClass returns the class of that name.
func ParseClass(name string) (c carillonv1.Class, ok bool) {
	i, ok := enumNumber(classNames[:], name)
	return carillonv1.Class(i), ok
}

// KindOf returns the kind that events of a state are of.
func KindOf(s carillonv1.State) carillonv1.Kind {
	switch {
	case s == carillonv1.State_STATE_UNSPECIFIED:
		return carillonv1.Kind_KIND_UNSPECIFIED
	case s < carillonv1.State_STATE_PARKED:
		return carillonv1.Kind_KIND_OUTCOME
	case s < carillonv1.State_STATE_DELIVERED:
		return carillonv1.Kind_KIND_PROGRESS
	}
	return carillonv1.Kind_KIND_RECEIPT
}

// The names by number. A test compares them with the .proto files.
var (
	stateNames = [...]string{
		carillonv1.State_STATE_SENT:        "sent",
		carillonv1.State_STATE_FAILED:      "failed",
		carillonv1.State_STATE_REJECTED:    "rejected",
		carillonv1.State_STATE_EXPIRED:     "expired",
		carillonv1.State_STATE_SUPPRESSED:  "suppressed",
		carillonv1.State_STATE_CANCELED:    "canceled",
		carillonv1.State_STATE_UNKNOWN:     "unknown",
		carillonv1.State_STATE_DUPLICATE:   "duplicate",
		carillonv1.State_STATE_SUPERSEDED:  "superseded",
		carillonv1.State_STATE_PARKED:      "parked",
		carillonv1.State_STATE_IN_DOUBT:    "in_doubt",
		carillonv1.State_STATE_FALLBACK:    "fallback",
		carillonv1.State_STATE_DELIVERED:   "delivered",
		carillonv1.State_STATE_READ:        "read",
		carillonv1.State_STATE_UNDELIVERED: "undelivered",
		carillonv1.State_STATE_COMPLAINED:  "complained",
	}
	kindNames = [...]string{
		carillonv1.Kind_KIND_PROGRESS: "progress",
		carillonv1.Kind_KIND_OUTCOME:  "outcome",
		carillonv1.Kind_KIND_RECEIPT:  "receipt",
	}
	classNames = [...]string{
		carillonv1.Class_CLASS_TRANSACTIONAL: "transactional",
		carillonv1.Class_CLASS_MARKETING:     "marketing",
	}
)

func enumName(names []string, i int32) string {
	if i < 0 || int(i) >= len(names) {
		return ""
	}
	return names[i]
}

func enumNumber(names []string, name string) (int32, bool) {
	if name == "" {
		return 0, false
	}
	for i, n := range names {
		if n == name {
			return int32(i), true
		}
	}
	return 0, false
}
