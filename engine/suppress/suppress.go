// Package suppress knows to whom nothing may go: addresses that a provider calls
// dead, people who want none of it, what an operator has blocked. They stand in
// the topic `suppressions`, one compacted partition, which every node reads whole
// and goes on reading.
//
// No address stands there, nor in memory: a keyed hash does. It can be compared
// and not turned back without the key, so a suppression outlives the erasure of
// all that is known of a person.
package suppress

import (
	"strings"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Kind is what a hash is of.
type Kind uint8

// The kinds.
const (
	Address   Kind = iota // of any kind: email, phone, URL, token, chat id
	Recipient             // the recipient's id
	kinds
)

func (k Kind) String() string { return [...]string{"address", "recipient"}[k] }

// Any stands for all apps, all channels, all classes.
const Any = "*"

// Scope says which sends a suppression is about.
type Scope struct {
	App     string           // or Any
	Channel string           // or Any
	Class   carillonv1.Class // CLASS_UNSPECIFIED is every class
}

// String is the scope as keys of records have it: "shop/email/*".
func (s Scope) String() string {
	class := Any
	if s.Class != carillonv1.Class_CLASS_UNSPECIFIED {
		class = send.ClassName(s.Class)
	}
	return s.App + "/" + s.Channel + "/" + class
}

// ParseScope reads what String writes. ok is false for anything else.
func ParseScope(text string) (s Scope, ok bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return s, false
	}
	s.App, s.Channel, ok = parts[0], parts[1], true
	if parts[2] != Any {
		s.Class, ok = send.ParseClass(parts[2])
	}
	return s, ok
}

// covers says whether the scope is about such sends. The channel "" is that of
// none: then it is about all of a send's channels, or about none.
func (s *Scope) covers(app, channel string, class carillonv1.Class) bool {
	return (s.App == app || s.App == Any) && (s.Channel == channel || s.Channel == Any) &&
		(s.Class == class || s.Class == carillonv1.Class_CLASS_UNSPECIFIED)
}

// Code is why nothing may go, as a status event's reason has it.
type Code uint8

// The codes.
const (
	None        = Code(controlv1.Because_BECAUSE_UNSPECIFIED)
	OptedOut    = Code(controlv1.Because_BECAUSE_OPTED_OUT)
	Blocked     = Code(controlv1.Because_BECAUSE_BLOCKED)
	AddressDead = Code(controlv1.Because_BECAUSE_ADDRESS_DEAD)
	codes       = 4
)

var codeNames = [codes]string{"", "opted_out", "blocked", "address_dead"}

// String is "" for None.
func (c Code) String() string { return codeNames[c] }

// ParseCode returns the code of that name. ok is false where there is none.
func ParseCode(name string) (c Code, ok bool) {
	for i, n := range codeNames {
		if n == name && n != "" {
			return Code(i), true
		}
	}
	return None, false
}
