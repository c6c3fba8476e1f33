package suppress

import (
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Asker looks things up in a table, for one goroutine: it has the state of the
// hash, which is dear to make.
type Asker struct {
	*Table
	hasher *Hasher // nil without a key
	who    string  // of hash
	hash   Hash
}

// NewAsker makes one of the table.
func (t *Table) NewAsker() *Asker {
	a := &Asker{Table: t}
	if t.key != nil {
		a.hasher = t.key.NewHasher()
	}
	return a
}

// Recipient returns why nothing may go to a recipient of the app by a channel,
// None where it may. Without a channel, it is about all of them.
func (a *Asker) Recipient(app, id, channel string, class carillonv1.Class, now time.Time) Code {
	c := a.now.Load()
	if a.hasher == nil || c.len[Recipient].Load() == 0 {
		return None
	}
	if a.who != id || id == "" {
		a.who, a.hash = id, a.hasher.Sum(Recipient, id)
	}
	return c.find(Recipient, a.hash, app, channel, class, now)
}

// Address returns why nothing may go to an address by a channel, None where it
// may.
func (a *Asker) Address(app, address, channel string, class carillonv1.Class, now time.Time) Code {
	c := a.now.Load()
	if a.hasher == nil || c.len[Address].Load() == 0 {
		return None
	}
	return c.find(Address, a.hasher.Sum(Address, address), app, channel, class, now)
}

// Dead returns the record that suppresses an address of which a channel's
// provider says that nobody is there; the code is the provider's. ok is false
// without a key.
func (a *Asker) Dead(app, channel, address, code string, until, now time.Time) (r kafka.Record, ok bool) {
	if a.hasher == nil {
		return r, false
	}
	e := Entry{
		Kind: Address, Hash: a.hasher.Sum(Address, address), Scope: Scope{App: app, Channel: channel},
		Suppression: &controlv1.Suppression{
			Because: controlv1.Because_BECAUSE_ADDRESS_DEAD, Key: a.key.Check,
			UntilMs: until.UnixMilli(), AtMs: now.UnixMilli(), By: ByProvider, Reason: code,
		},
	}
	r, err := e.Record()
	return r, err == nil
}

// ByProvider is who a provider's word is from.
const ByProvider = "provider"
