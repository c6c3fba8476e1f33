package send

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
)

// seeds are texts that are near all that is checked: what a mutation makes of
// them is as often a send as not.
var seeds = []string{
	`{"id":"1","app":"shop","to":{"id":"u"}}`,
	`{"id":"é\u00e9","app":"shop-1.a","to":{"id":"u","email":"a@b.example","phone":"+351912345678","push":[{"token":"t","platform":"apns"}],` +
		`"webhook":"https://a.example","chat":{"x":"1","y":"2"},"locale":"pt-PT","timeZone":"Europe/Lisbon"},"channels":["a","b","c"]}`,
	`{"id":"1","app":"shop","to":{"id":"u"},"content":{"title":"t \"x\"","body":"line\nline","html":"<b>","media":[{"kind":"image","url":"u"}],` +
		`"actions":[{"kind":"url","label":"l","url":"u"},{"kind":"reply","label":"l","payload":"p"}]}}`,
	`{"id":"1","app":"shop","to":{"id":"u"},"data":{"a":[1,-0.5e+3,true,false,null,"\ud83c\udf89"],"b":{}},"class":"marketing","campaign":"c",` +
		`"collapseKey":"k","orderingKey":"o","fallback":{"on":["attempts","unknown"]},"sendAt":"2026-11-22T00:00:00Z","expiresAt":"2026-11-22T10:00:00.5+05:45",` +
		`"metadata":{"a":"b","c":"d","e":"f"},"testMode":true,` +
		`"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b"}`,
	` { "collapse_key" : "k" , "id" : null , "id" : "2", "app":"a", "To":{}, "to" : { "id" : "" , "emial":"x" } , "x":[[{"y":1}]] } `,
	"{\"id\":\"\x7f\u0085\u00a0\",\"app\":\"a\",\"to\":{\"id\":\"\xff\"}}",
}

// splices are put into a text, or over a part of it.
var splices = []string{
	`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\x00", "\x1f", "\x7f", "\x80", "é", "\u0085", "漢", `\u0000`, `\n`, `\u007f`, `\ud83c`,
	`null`, `true`, `""`, `{}`, `[]`, `1`, `-`, `"id":`, `"id":"x",`, `"to":null,`, `"class":"",`, `"channels":[null],`, `"channels":[""],`,
	`"metadata":{"a":"","a":""},`, `"emial":"",`, `"unknown":{"a":[]},`, `"sendAt":"0000-01-01T00:00:00Z",`, `"testMode":null,`, `"fallback":{},`, `"never",`, `"channels":["a","a"],`,
	string(bytes.Repeat([]byte("a"), 130)), string(bytes.Repeat([]byte("[1]"), 20)), string(bytes.Repeat([]byte(`"x",`), 17)),
}

func mutate(r *rand.Rand, text []byte) []byte {
	text = slices.Clone(text)
	for range r.IntN(3) {
		from := r.IntN(len(text) + 1)
		to := min(len(text), from+[]int{0, 0, 0, 1, 2, r.IntN(40)}[r.IntN(6)])
		text = slices.Replace(text, from, to, []byte(splices[r.IntN(len(splices))])...)
	}
	return text
}

// event makes a record one that is never read blindly, and means the same.
var event = []Header{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte(EventType)}}

// compareBlind reads a text in one pass and in two, and says whether it is a send.
func compareBlind(t *testing.T, text []byte) bool {
	t.Helper()
	got, notes, err := Decode(Record{Value: text}, DefaultLimits())
	want, wantNotes, wantErr := Decode(Record{Value: text, Headers: event}, DefaultLimits())
	if fmt.Sprintf("%#v", err) != fmt.Sprintf("%#v", wantErr) {
		t.Fatalf("%q:\n%v, want %v", text, err, wantErr)
	}
	if !slices.Equal(notes.NearMisses, wantNotes.NearMisses) {
		t.Fatalf("%q:\nnear misses %q, want %q", text, notes.NearMisses, wantNotes.NearMisses)
	}
	if err == nil && !proto.Equal(got, want) {
		t.Fatalf("%q:\n%v\nwant %v", text, got, want)
	}
	return err == nil
}

// Whether a text is read in one pass or in two, the send, the fault and its
// place, and the near misses are the same.
func TestBlindIsAsSighted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sends, all := 0, 20_000
	for range all {
		if compareBlind(t, mutate(r, []byte(seeds[r.IntN(len(seeds))]))) {
			sends++
		}
	}
	if sends < all/5 || sends > all*4/5 {
		t.Errorf("%d of %d texts were sends: the mutations show little", sends, all)
	}
}

func FuzzBlind(f *testing.F) {
	for _, text := range seeds {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compareBlind(t, text) })
}
