package foreign

import (
	"bufio"
	"reflect"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []Record
		want    string // "" is refused
	}{
		{"a key and a value", []Record{{Key: []byte("k"), Value: []byte(`{"a":1}`)}}, "k\t{\"a\":1}\n"},
		{"a tab in the value stays", []Record{{Key: []byte("k"), Value: []byte("a\tb")}}, "k\ta\tb\n"},
		{"an empty key is not a missing one", []Record{{Key: []byte{}, Value: []byte("v")}}, "\tv\n"},
		{"no key", []Record{{Value: []byte("v")}}, "NONE\tv\n"},
		{"a tab in the key would move the value", []Record{{Key: []byte("a\tb"), Value: []byte("v")}}, ""},
		{"a newline would make two records", []Record{{Key: []byte("k"), Value: []byte("a\nb")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := lines(c.records, "NONE\t")
			if string(got) != c.want || (err != nil) != (c.want == "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestParseKcat(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want []Record // nil is refused
	}{
		{"nothing", "", []Record{}},
		{"two records", "0 1 1 2\nkvv\n2 7 1 1\nab\n", []Record{
			{0, 1, []byte("k"), []byte("vv")}, {2, 7, []byte("a"), []byte("b")}}},
		{"no key", "0 1 -1 1\nv\n", []Record{{0, 1, nil, []byte("v")}}},
		{"a tombstone", "0 1 1 -1\nk\n", []Record{{0, 1, []byte("k"), nil}}},
		{"newlines and bytes that are not text", "0 1 2 3\nk\na\n\xff\n", []Record{{0, 1, []byte("k\n"), []byte("a\n\xff")}}},
		{"cut off inside a record", "0 1 1 2\nkv", nil},
		{"cut off inside a head", "0 1 1", nil},
		{"something else", "% ERROR\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := []Record{}
			_, err := parseKcat(bufio.NewReader(strings.NewReader(c.in)), func(r Record) bool {
				got = append(got, r)
				return true
			})
			if c.want == nil && err == nil || c.want != nil && (err != nil || !reflect.DeepEqual(got, c.want)) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

// The reader ends when it has seen enough, with the rest unread.
func TestParseKcatEnough(t *testing.T) {
	seen := 0
	enough, err := parseKcat(bufio.NewReader(strings.NewReader("0 0 -1 1\nv\nrest")), func(Record) bool {
		seen++
		return false
	})
	if !enough || err != nil || seen != 1 {
		t.Errorf("enough %v after %d records, %v", enough, seen, err)
	}
}

func TestParseConsole(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want []Record // nil is refused
	}{
		{"two records", "Partition:2\tOffset:0\tb\t2\nPartition:0\tOffset:11\ta\tx\ty\n", []Record{
			{2, 0, []byte("b"), []byte("2")}, {0, 11, []byte("a"), []byte("x\ty")}}},
		{"no key", "Partition:0\tOffset:0\t<none>\tv\n", []Record{{0, 0, nil, []byte("v")}}},
		{"something else", "Processed a total of 2 messages\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseConsole(c.in)
			if c.want == nil && err == nil || c.want != nil && (err != nil || !reflect.DeepEqual(got, c.want)) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	type event struct{ ID, Status string }
	got, err := Decode[event]([]Record{{Value: []byte(`{"id":"k1","status":"sent","more":1}`)}})
	if err != nil || !reflect.DeepEqual(got, []event{{"k1", "sent"}}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Decode[event]([]Record{{Partition: 3, Offset: 4, Value: []byte("{")}}); err == nil || !strings.Contains(err.Error(), "3/4") {
		t.Errorf("a record that is not JSON: %v", err)
	}
}
