package suppress

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Table is what stands against whom. One goroutine changes it, see Follow;
// everything else is safe for concurrent use.
type Table struct {
	key     *Key // nil where none is configured
	now     atomic.Pointer[contents]
	version atomic.Uint64
	caught  chan struct{}
}

// NewTable makes an empty table. Without a key it counts what stands in the
// topic, and finds nothing.
func NewTable(key *Key) *Table {
	t := &Table{key: key, caught: make(chan struct{})}
	t.now.Store(newContents())
	return t
}

// CaughtUp is closed when all was read that the topic held when Follow began.
func (t *Table) CaughtUp() <-chan struct{} { return t.caught }

// Len returns how many suppressions there are, and how many of them are under
// another key than the table's: nobody is found by those.
func (t *Table) Len() (all, foreign int) {
	c := t.now.Load()
	return int(c.len[Address].Load() + c.len[Recipient].Load()), int(c.foreign.Load())
}

// Version is another one after each new suppression. 0 is while there are none.
func (t *Table) Version() uint64 {
	if c := t.now.Load(); c.len[Address].Load() == 0 && c.len[Recipient].Load() == 0 {
		return 0
	}
	return t.version.Load()
}

// Take goes by a record of the topic: one that adds something, or a tombstone. A
// record that can't be read changes nothing: better nothing goes than what may
// not. Its errors are few, and alike for all records of a kind.
func (t *Table) Take(r *kafka.Record, now time.Time) (added bool, err error) {
	if added, err = t.take(t.now.Load(), r, now); added {
		t.version.Add(1)
	}
	return added, err
}

func (t *Table) take(c *contents, r *kafka.Record, now time.Time) (added bool, err error) {
	kind, h, scope, err := parseKey(r.Key)
	if err != nil {
		return false, err
	}
	n, ok := c.numberOf(scope)
	if !ok {
		return false, errNewer
	}
	if r.Value == nil {
		c.remove(kind, h, n)
		return false, nil
	}
	var s controlv1.Suppression
	if err := parseValue(&s, r.Value); err != nil {
		return false, err
	}
	e := entry{terms: n | terms(s.Because), until: secondsOf(s.UntilMs)}
	if t.key == nil || s.Key != t.key.Check {
		e.terms |= foreignFlag
	}
	if e.until != 0 && int64(e.until) <= now.Unix() {
		c.remove(kind, h, n) // it has taken the place of another
		return false, nil
	}
	c.put(kind, h, e)
	return true, nil
}

// stripes keep shards out of each other's way, and out of the way of whoever
// writes.
const stripes = 64

// contents are a table's. No entry holds a pointer, so the garbage collector
// passes ten million of them over.
type contents struct {
	kinds   [kinds][stripes]stripe
	len     [kinds]atomic.Int64
	foreign atomic.Int64

	mu     sync.RWMutex
	scopes []Scope          // guarded by mu
	number map[string]terms // by the scope's text; whoever writes, alone
}

func newContents() *contents {
	c := &contents{number: map[string]terms{}}
	for k := range c.kinds {
		for i := range c.kinds[k] {
			c.kinds[k][i].one = map[Hash]entry{}
		}
	}
	return c
}

// stripe is some of one kind.
type stripe struct {
	mu   sync.RWMutex
	one  map[Hash]entry
	more map[Hash][]entry // of who has several, which few have: all but the one
}

// entry is one suppression.
type entry struct {
	terms terms
	until uint32 // Unix seconds; 0 is for ever
}

// terms are a scope's number, why, and whether the key is another one.
type terms uint32

const (
	scopeShift  = 4
	codeMask    = 7
	foreignFlag = 8
)

func (t terms) scope() terms { return t >> scopeShift }
func (t terms) code() Code   { return Code(t & codeMask) }

func (c *contents) at(kind Kind, h Hash) *stripe { return &c.kinds[kind][h[0]%stripes] }

// numberOf returns the terms' part of a scope, as keys of records have it. ok is
// false where it is none.
func (c *contents) numberOf(scope []byte) (n terms, ok bool) {
	if n, ok = c.number[string(scope)]; ok {
		return n, true
	}
	s, ok := ParseScope(string(scope))
	if !ok {
		return 0, false
	}
	c.mu.Lock()
	n = terms(len(c.scopes)) << scopeShift
	c.scopes = append(c.scopes, s)
	c.mu.Unlock()
	c.number[string(scope)] = n
	return n, true
}

func (c *contents) put(kind Kind, h Hash, e entry) {
	s := c.at(kind, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.one[h]
	if !known || old.terms.scope() == e.terms.scope() {
		s.one[h] = e
		c.count(kind, old, known, e, true)
		return
	}
	for i, old := range s.more[h] {
		if old.terms.scope() == e.terms.scope() {
			s.more[h][i] = e
			c.count(kind, old, true, e, true)
			return
		}
	}
	if s.more == nil {
		s.more = map[Hash][]entry{}
	}
	s.more[h] = append(s.more[h], e)
	c.count(kind, entry{}, false, e, true)
}

// remove forgets the suppression of a scope, if there is one.
func (c *contents) remove(kind Kind, h Hash, scope terms) {
	s := c.at(kind, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.one[h]
	if !known {
		return
	}
	more := s.more[h]
	last := len(more) - 1
	if old.terms.scope() != scope.scope() {
		i := 0
		for i <= last && more[i].terms.scope() != scope.scope() {
			i++
		}
		if i > last {
			return
		}
		old, more[i] = more[i], more[last]
	} else if last >= 0 {
		s.one[h] = more[last]
	} else {
		delete(s.one, h)
	}
	if last > 0 {
		s.more[h] = more[:last]
	} else {
		delete(s.more, h)
	}
	c.count(kind, old, true, entry{}, false)
}

// count notes that an entry has gone, and another has come.
func (c *contents) count(kind Kind, old entry, had bool, e entry, has bool) {
	one := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	c.len[kind].Add(one(has) - one(had))
	c.foreign.Add(one(has && e.terms&foreignFlag != 0) - one(had && old.terms&foreignFlag != 0))
}

// find returns why nothing may go, None where it may.
func (c *contents) find(kind Kind, h Hash, app, channel string, class carillonv1.Class, now time.Time) Code {
	s := c.at(kind, h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, known := s.one[h]
	if !known {
		return None
	}
	at := now.Unix()
	if c.holds(e, app, channel, class, at) {
		return e.terms.code()
	}
	for _, e := range s.more[h] {
		if c.holds(e, app, channel, class, at) {
			return e.terms.code()
		}
	}
	return None
}

func (c *contents) holds(e entry, app, channel string, class carillonv1.Class, at int64) bool {
	if e.until != 0 && int64(e.until) <= at || e.terms&foreignFlag != 0 {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.scopes[e.terms.scope()].covers(app, channel, class)
}
