package send_test

import (
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

var (
	// line is text that any field takes, with all that JSON must escape.
	line   = rapid.StringOfN(rapid.RuneFrom([]rune(`abcXYZ 019-_."\/<>&'é漢🎉`)), 1, 20, 60)
	prose  = rapid.StringOfN(rapid.RuneFrom([]rune("abc \n\r\t\"\\éü漢🎉\u2028")), 1, 60, -1)
	name   = rapid.StringMatching(`[a-zA-Z0-9._-]{1,20}`)
	moment = rapid.Custom(func(t *rapid.T) *timestamppb.Timestamp {
		return &timestamppb.Timestamp{
			Seconds: rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), // years 1 to 9999
			Nanos:   rapid.Int32Range(0, 999_999_999).Draw(t, "nanos"),
		}
	})
)

// maybe draws from g, or nothing.
func maybe(t *rapid.T, g *rapid.Generator[string], label string) string {
	return rapid.OneOf(rapid.Just(""), g).Draw(t, label)
}

func drawPairs(t *rapid.T, key *rapid.Generator[string], label string) (pairs []*carillonv1.Pair) {
	for _, k := range rapid.SliceOfNDistinct(key, 0, 5, rapid.ID).Draw(t, label) {
		pairs = append(pairs, &carillonv1.Pair{Key: k, Value: maybe(t, line, label)})
	}
	return pairs
}

func drawSend(t *rapid.T) *carillonv1.Send {
	s := &carillonv1.Send{
		Id: line.Draw(t, "id"), App: name.Draw(t, "app"),
		To: &carillonv1.Recipient{
			Id: line.Draw(t, "recipient"), Email: maybe(t, line, "email"), Phone: maybe(t, line, "phone"),
			Webhook: maybe(t, line, "webhook"), Chat: drawPairs(t, name, "chat"),
			Locale:   maybe(t, rapid.SampledFrom([]string{"pt", "pt-PT", "zh-Hant-TW"}), "locale"),
			TimeZone: maybe(t, rapid.SampledFrom([]string{"UTC", "Europe/Lisbon", "Etc/GMT+1"}), "zone"),
		},
		Channels: rapid.SliceOfNDistinct(line, 0, 4, rapid.ID).Draw(t, "channels"),
		Content:  &carillonv1.Content{Title: maybe(t, line, "title"), Body: maybe(t, prose, "body"), Html: maybe(t, prose, "html")},
		Class:    carillonv1.Class(rapid.IntRange(1, 2).Draw(t, "class")),
		Campaign: maybe(t, line, "campaign"), CollapseKey: maybe(t, line, "collapse"), OrderingKey: maybe(t, line, "ordering"),
		Metadata: drawPairs(t, line, "metadata"), TestMode: rapid.Bool().Draw(t, "test"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "tokens") {
		s.To.Push = append(s.To.Push, &carillonv1.PushToken{Token: line.Draw(t, "token"),
			Platform: rapid.SampledFrom([]string{"apns", "fcm", "webpush", "huawei"}).Draw(t, "platform"), Auth: maybe(t, line, "auth")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "media") {
		s.Content.Media = append(s.Content.Media, &carillonv1.Media{Kind: "file", Url: line.Draw(t, "url"), Alt: maybe(t, line, "alt")})
	}
	if rapid.Bool().Draw(t, "falls back") {
		s.Fallback = &carillonv1.Fallback{On: rapid.SliceOfNDistinct(rapid.SampledFrom(send.FallbackOn[:5]), 1, 5, rapid.ID).Draw(t, "on")}
	}
	if rapid.Bool().Draw(t, "data") {
		s.Data, _ = json.Marshal(rapid.MapOfN(line, prose, 0, 5).Draw(t, "members"))
	}
	if rapid.Bool().Draw(t, "timed") {
		s.SendAt = moment.Draw(t, "sendAt")
		s.ExpiresAt = timestamppb.New(s.SendAt.AsTime().Add(time.Nanosecond))
		if !s.ExpiresAt.IsValid() {
			s.ExpiresAt = nil
		}
	}
	return s
}

func TestSendRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSend(t)
		text := send.AppendSendJSON(nil, want)
		if !json.Valid(text) {
			t.Fatalf("encoding/json does not read %s", text)
		}
		got, _, err := send.Decode(send.Record{Value: text}, send.DefaultLimits())
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%s\ngot  %v\nwant %v", text, got, want)
		}
	})
}

func drawStatus(t *rapid.T) *carillonv1.Status {
	s := &carillonv1.Status{
		EventId: name.Draw(t, "event"), Kind: carillonv1.Kind(rapid.IntRange(1, 3).Draw(t, "kind")),
		Status: carillonv1.State(rapid.SampledFrom([]int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 40, 41, 42, 43}).Draw(t, "state")),
		Id:     line.Draw(t, "id"), App: name.Draw(t, "app"), Recipient: line.Draw(t, "recipient"),
		Campaign: maybe(t, line, "campaign"), Channel: maybe(t, line, "channel"), Account: maybe(t, line, "account"),
		Attempt:           rapid.Uint32().Draw(t, "attempt"),
		ProviderMessageId: maybe(t, prose, "provider"),
		At:                moment.Draw(t, "at"),
	}
	if rapid.Bool().Draw(t, "more") {
		s.Source = &carillonv1.Source{Topic: name.Draw(t, "topic"), Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Min(0).Draw(t, "offset")}
		s.Reason = &carillonv1.Reason{Class: maybe(t, name, "class"), Code: maybe(t, line, "code")}
		s.Path = []*carillonv1.Step{{Channel: name.Draw(t, "before"), Reason: s.Reason, Attempts: rapid.Uint32().Draw(t, "attempts"), Unknown: rapid.Bool().Draw(t, "lost")}}
		s.AcceptedAt, s.NextAt = moment.Draw(t, "accepted"), moment.Draw(t, "next")
	}
	return s
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawStatus(t)
		text := send.AppendStatusJSON(nil, want)
		if !json.Valid(text) {
			t.Fatalf("encoding/json does not read %s", text)
		}
		got, err := send.ParseStatus(text, nil)
		if err != nil || !proto.Equal(got, want) {
			t.Fatalf("%s\ngot  %v, %v\nwant %v", text, got, err, want)
		}
		value, err := want.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		got, err = send.ParseStatus(value, headers("content-type", "application/protobuf"))
		if err != nil || !proto.Equal(got, want) {
			t.Fatalf("protobuf: got  %v, %v\nwant %v", got, err, want)
		}
	})
}
