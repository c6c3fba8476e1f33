package send_test

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"strings"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// TestKeysAreStable: keys are stored and given to providers, so they must be
// the same in every version.
func TestKeysAreStable(t *testing.T) {
	k := send.KeyOf("shop", "u1", "order-1")
	src := send.Source{Topic: "carillon.sends", Partition: 3, Offset: 42}
	event := send.EventID(k, src, carillonv1.Kind_KIND_OUTCOME, carillonv1.State_STATE_SENT, 1, "")
	for _, c := range []struct{ what, got, want string }{
		{"key", k.String(), "8cb55c4bbba39286b046892750266393"},
		{"provider key", send.ProviderKey(k, "email", "primary"), "16d9dd4b4fe4f2990e07268c8c898d65"},
		{"event id", event, "504994587e84cd5b0b4d871776b79b84"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestKeysDiffer: no part may run into the next.
func TestKeysDiffer(t *testing.T) {
	k := send.KeyOf("a", "b", "c")
	src := send.Source{Topic: "t", Partition: 1, Offset: 2}
	outcome, sent := carillonv1.Kind_KIND_OUTCOME, carillonv1.State_STATE_SENT
	seen := map[string]string{}
	for what, key := range map[string]string{
		"abc": k.String(), "ab c": send.KeyOf("ab", "", "c").String(), "a bc": send.KeyOf("a", "bc", "").String(),
		"bac": send.KeyOf("b", "a", "c").String(), "long": send.KeyOf(strings.Repeat("a", 500), "b", "c").String(),
		"provider": send.ProviderKey(k, "x", "y"), "provider xy": send.ProviderKey(k, "xy", ""), "provider yx": send.ProviderKey(k, "y", "x"),
		"event":     send.EventID(k, src, outcome, sent, 1, ""),
		"code":      send.EventID(k, src, outcome, sent, 1, "not_yet"),
		"attempt":   send.EventID(k, src, outcome, sent, 2, ""),
		"state":     send.EventID(k, src, outcome, carillonv1.State_STATE_FAILED, 1, ""),
		"kind":      send.EventID(k, src, carillonv1.Kind_KIND_PROGRESS, sent, 1, ""),
		"offset":    send.EventID(k, send.Source{Topic: "t", Partition: 1, Offset: 3}, outcome, sent, 1, ""),
		"partition": send.EventID(k, send.Source{Topic: "t", Partition: 2, Offset: 2}, outcome, sent, 1, ""),
		"topic":     send.EventID(k, send.Source{Topic: "u", Partition: 1, Offset: 2}, outcome, sent, 1, ""),
	} {
		if other, ok := seen[key]; ok || len(key) != 32 {
			t.Errorf("%s and %s are both %s", what, other, key)
		}
		seen[key] = what
	}
}

func TestHotPathsAllocateLittle(t *testing.T) {
	s := sent()
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = send.AppendStatusJSON(dst[:0], s) }); n != 0 {
		t.Errorf("AppendStatusJSON allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { send.KeyOf("shop", "customer", "order") }); n != 0 {
		t.Errorf("KeyOf allocates %v times", n)
	}
}

// TestNamesAreThoseOfTheContract: lower case without the prefix.
func TestNamesAreThoseOfTheContract(t *testing.T) {
	each := func(e protoreflect.EnumDescriptor, prefix string, name func(int32) string, number func(string) (int32, bool)) {
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			want := strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix))
			if v.Number() == 0 {
				want = ""
			}
			if got := name(int32(v.Number())); got != want {
				t.Errorf("%s: got %q, want %q", v.Name(), got, want)
			}
			if n, ok := number(want); ok != (want != "") || ok && n != int32(v.Number()) {
				t.Errorf("%q: got %d, %t", want, n, ok)
			}
		}
		if name(-1) != "" || name(99) != "" {
			t.Errorf("%s: a number that is none has a name", prefix)
		}
	}
	each(carillonv1.State(0).Descriptor(), "STATE_",
		func(n int32) string { return send.StateName(carillonv1.State(n)) },
		func(s string) (int32, bool) { v, ok := send.ParseState(s); return int32(v), ok })
	each(carillonv1.Kind(0).Descriptor(), "KIND_",
		func(n int32) string { return send.KindName(carillonv1.Kind(n)) },
		func(s string) (int32, bool) { v, ok := send.ParseKind(s); return int32(v), ok })
	each(carillonv1.Class(0).Descriptor(), "CLASS_",
		func(n int32) string { return send.ClassName(carillonv1.Class(n)) },
		func(s string) (int32, bool) { v, ok := send.ParseClass(s); return int32(v), ok })
}
