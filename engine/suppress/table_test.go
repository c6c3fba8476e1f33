package suppress

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

const (
	transactional = carillonv1.Class_CLASS_TRANSACTIONAL
	marketing     = carillonv1.Class_CLASS_MARKETING
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB, secret string) *Key {
	t.Helper()
	k, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const secret = "0123456789abcdef"

// entryOf is an entry of a scope as text, under a key.
func entryOf(t testing.TB, k *Key, kind Kind, value, scope string) *Entry {
	t.Helper()
	s, ok := ParseScope(scope)
	if !ok {
		t.Fatalf("%q is no scope", scope)
	}
	return &Entry{Kind: kind, Hash: k.NewHasher().Sum(kind, value), Scope: s, Suppression: &controlv1.Suppression{
		Because: controlv1.Because_BECAUSE_OPTED_OUT, Key: k.Check, AtMs: start.UnixMilli(),
	}}
}

func put(t testing.TB, table *Table, e *Entry) {
	t.Helper()
	r, err := e.Record()
	if err == nil {
		_, err = table.Take(&r, start)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, table *Table, e *Entry) {
	t.Helper()
	r := e.Tombstone()
	if _, err := table.Take(&r, start); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, scope         string
		kind                Kind
		app, value, channel string
		class               carillonv1.Class
		want                bool
	}{
		{"all of it", "shop/email/marketing", Address, "shop", "ana@example.com", "email", marketing, true},
		{"another app", "shop/email/marketing", Address, "bank", "ana@example.com", "email", marketing, false},
		{"another channel", "shop/email/marketing", Address, "shop", "ana@example.com", "sms", marketing, false},
		{"another class", "shop/email/marketing", Address, "shop", "ana@example.com", "email", transactional, false},
		{"another address", "shop/email/marketing", Address, "shop", "bob@example.com", "email", marketing, false},
		{"the same inbox, written otherwise", "shop/email/*", Address, "shop", " Ana@Example.com", "email", marketing, true},
		{"any app", "*/email/marketing", Address, "bank", "ana@example.com", "email", marketing, true},
		{"any channel", "shop/*/marketing", Address, "shop", "ana@example.com", "sms", marketing, true},
		{"any class", "shop/email/*", Address, "shop", "ana@example.com", "email", transactional, true},
		{"a recipient by a channel", "shop/email/*", Recipient, "shop", "ana@example.com", "email", marketing, true},
		{"a recipient by all of them", "shop/*/*", Recipient, "shop", "ana@example.com", "", marketing, true},
		{"a recipient by one, where it is about all", "shop/email/*", Recipient, "shop", "ana@example.com", "", marketing, false},
		{"an id is taken as it is", "shop/*/*", Recipient, "shop", "Ana@example.com", "email", marketing, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKey(t, secret)
			table := NewTable(k)
			put(t, table, entryOf(t, k, c.kind, "ana@example.com", c.scope))
			put(t, table, entryOf(t, k, c.kind, "ana@example.com", "elsewhere/email/*")) // each may have several
			a := table.NewAsker()
			ask := [kinds]func() Code{
				func() Code { return a.Address(c.app, c.value, c.channel, c.class, start) },
				func() Code { return a.Recipient(c.app, c.value, c.channel, c.class, start) },
			}
			if got := ask[c.kind](); (got == OptedOut) != c.want {
				t.Errorf("found %q, want %t", got, c.want)
			}
			if got := ask[1-c.kind](); got != None {
				t.Errorf("found as another kind: %q", got)
			}
		})
	}
}

func TestUntil(t *testing.T) {
	k := newKey(t, secret)
	table := NewTable(k)
	e := entryOf(t, k, Address, "+351912345678", "shop/sms/*")
	e.UntilMs = start.Add(time.Hour).UnixMilli()
	put(t, table, e)
	a := table.NewAsker()
	find := func(at time.Time) Code { return a.Address("shop", "+351912345678", "sms", marketing, at) }
	if find(start.Add(time.Hour-time.Second)) != OptedOut || find(start.Add(time.Hour)) != None {
		t.Error("it does not hold until its end, exclusively")
	}
	// One that has lapsed takes the place of what stood there.
	e.UntilMs = start.UnixMilli()
	put(t, table, e)
	if n, _ := table.Len(); n != 0 || find(start) != None {
		t.Errorf("%d are left", n)
	}
	// What is too far for 32 bits is for ever.
	e.UntilMs = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	put(t, table, e)
	if find(time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)) != OptedOut {
		t.Error("it does not hold for ever")
	}
}

// Without the key that it was made with, a suppression is counted and holds nobody.
func TestForeignKey(t *testing.T) {
	ours, theirs := newKey(t, secret), newKey(t, "another secret of 16 bytes")
	for _, c := range []struct {
		name    string
		key     *Key
		foreign int
		want    Code
	}{
		{"the same key", ours, 1, OptedOut},
		{"another key", theirs, 1, None},
		{"no key", nil, 2, None},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := NewTable(c.key)
			e := entryOf(t, ours, Address, "ana@example.com", "*/*/*")
			put(t, table, e)
			put(t, table, entryOf(t, theirs, Address, "bob@example.com", "*/*/*"))
			all, foreign := table.Len()
			if all != 2 || foreign != c.foreign {
				t.Errorf("%d, and %d of them foreign, want 2, %d", all, foreign, c.foreign)
			}
			if got := table.NewAsker().Address("shop", "ana@example.com", "email", marketing, start); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			remove(t, table, e)
			if all, _ = table.Len(); all != 1 {
				t.Errorf("%d are left, want 1", all)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	k := newKey(t, secret)
	table := NewTable(k)
	a, b := entryOf(t, k, Address, "+1", "*/*/*"), entryOf(t, k, Recipient, "u1", "*/*/*")
	if table.Version() != 0 {
		t.Error("an empty table has a version")
	}
	put(t, table, a)
	first := table.Version()
	put(t, table, b)
	if first == 0 || table.Version() == first {
		t.Error("an addition does not change the version")
	}
	remove(t, table, a)
	remove(t, table, b)
	if table.Version() != 0 {
		t.Error("a table that is empty again has a version")
	}
	put(t, table, a)
	if v := table.Version(); v == first || v == 0 {
		t.Error("a version comes again")
	}
}

// TestAgainstModel: whatever is put and removed, the table holds what a plain map
// of whole keys does.
func TestAgainstModel(t *testing.T) {
	k := newKey(t, secret)
	values := []string{"u1", "u2", "+351912345678"}
	scopes := []string{"shop/sms/*", "shop/*/marketing", "*/*/*", "bank/sms/transactional"}
	rapid.Check(t, func(rt *rapid.T) {
		table, model := NewTable(k), map[string]*Entry{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			e := entryOf(t, k, Kind(rapid.IntRange(0, 1).Draw(rt, "kind")), rapid.SampledFrom(values).Draw(rt, "value"),
				rapid.SampledFrom(scopes).Draw(rt, "scope"))
			e.Because = controlv1.Because(rapid.IntRange(1, 3).Draw(rt, "because"))
			if rapid.Bool().Draw(rt, "put") {
				put(t, table, e)
				model[string(e.RecordKey())] = e
			} else {
				remove(t, table, e)
				delete(model, string(e.RecordKey()))
			}
		}
		if n, _ := table.Len(); n != len(model) {
			rt.Fatalf("%d entries, want %d", n, len(model))
		}
		for _, kind := range []Kind{Address, Recipient} {
			for _, value := range values {
				for _, app := range []string{"shop", "bank"} {
					for _, class := range []carillonv1.Class{transactional, marketing} {
						checkAgainst(rt, table, model, kind, k.NewHasher().Sum(kind, value), app, class)
					}
				}
			}
		}
	})
}

func checkAgainst(t *rapid.T, table *Table, model map[string]*Entry, kind Kind, h Hash, app string, class carillonv1.Class) {
	var want []Code
	for _, e := range model {
		if e.Kind == kind && e.Hash == h && e.Scope.covers(app, "sms", class) {
			want = append(want, e.Code())
		}
	}
	got := table.now.Load().find(kind, h, app, "sms", class, start)
	if len(want) == 0 && got != None || len(want) > 0 && !slices.Contains(want, got) {
		t.Fatalf("%s %s %v: found %q, want one of %q", kind, app, class, got, want)
	}
}

func TestHash(t *testing.T) {
	h := newKey(t, secret).NewHasher()
	for _, c := range []struct {
		name string
		a, b string
		same bool
	}{
		{"mail in capitals", "ana.maria@example.com", "Ana.Maria@EXAMPLE.com", true},
		{"letters beyond ASCII", "JOSÉ@MÜNCHEN.example", "josé@münchen.example", true},
		{"spaces around", "ana@example.com", "  ana@example.com\t", true},
		{"a phone number as people write it", "+351912345678", "+351 (912) 345-678", true},
		{"two numbers", "+351912345678", "+351912345679", false},
		{"tags reach the same inbox, which nobody else can know", "ana@example.com", "ana+x@example.com", false},
		{"a path's letters count", "https://example.com/A@b", "https://example.com/a@b", false},
		{"a token's as well", "fTokenA", "ftokena", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := h.Sum(Address, c.a) == h.Sum(Address, c.b); got != c.same {
				t.Errorf("%q and %q: the same is %t, want %t", Normal(c.a), Normal(c.b), got, c.same)
			}
		})
	}
	if h.Sum(Address, "u1") == h.Sum(Recipient, "u1") {
		t.Error("an address and a recipient have one hash")
	}
	if h.Sum(Address, "u1") == newKey(t, "another secret of 16 bytes").NewHasher().Sum(Address, "u1") {
		t.Error("two keys have one hash")
	}
	// By openssl: printf '\x00ana@example.com' | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef
	if got := fmt.Sprintf("%x", h.Sum(Address, "ana@example.com")); got != "beda6f236ccecfb3562693810b6603a7" {
		t.Errorf("got %s", got)
	}
	if _, err := NewKey(strings.Repeat("k", 15)); err == nil || !strings.Contains(err.Error(), "16 bytes") {
		t.Errorf("a short key: %v", err)
	}
}

func TestParseRecord(t *testing.T) {
	e := entryOf(t, newKey(t, secret), Recipient, "u1", "shop/*/marketing")
	e.By, e.Reason = "ana", "asked by phone"
	good, err := e.Record()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRecord(&good)
	if err != nil || got.Kind != e.Kind || got.Hash != e.Hash || got.Scope != e.Scope || got.By != "ana" || got.Code() != OptedOut {
		t.Errorf("got %+v, %v", got, err)
	}
	if strings.Contains(string(good.Key)+string(good.Value), "u1") {
		t.Error("the record holds the id")
	}
	hash := strings.Repeat("0f", 16)
	later, _ := (&controlv1.Suppression{Because: 9}).MarshalVT()
	for _, c := range []struct {
		name, key string
		value     []byte
		want      error
	}{
		{"no key", "", good.Value, errMalformed},
		{"no scope", "address/" + hash, good.Value, errMalformed},
		{"a hash that is none", "address/" + strings.Repeat("zz", 16) + "/a/b/*", good.Value, errMalformed},
		{"a value that is none", "address/" + hash + "/a/b/*", []byte("{}"), errMalformed},
		{"another kind", "device/" + hash + "/a/b/*", good.Value, errNewer},
		{"a longer hash", "address/" + hash + "0f/a/b/*", good.Value, errNewer},
		{"another class", "address/" + hash + "/a/b/service", good.Value, errNewer},
		{"another scope", "address/" + hash + "/a/b/c/d", good.Value, errNewer},
		{"another reason", "address/" + hash + "/a/b/*", later, errNewer},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := kafka.Record{Key: []byte(c.key), Value: c.value}
			if _, err := ParseRecord(&r); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if added, err := NewTable(nil).Take(&r, start); added || !errors.Is(err, c.want) {
				t.Errorf("the table: got %v, want %v", err, c.want)
			}
		})
	}
}
