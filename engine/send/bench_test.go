package send_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// shop is an ordinary send of about 800 bytes.
const shop = `{"id":"order-81723-shipped","app":"shop","to":{"id":"customer-1942","email":"ana.pereira@example.com","phone":"+351912345678","locale":"pt-PT","timeZone":"Europe/Lisbon"},"channels":["email","sms"],"content":{"title":"Your order is on its way","body":"Hello Ana,\nyour order 81723 left our warehouse this morning and should be with you tomorrow between 9 and 12.\nThank you for shopping with us."},"data":{"order":81723,"carrier":"CTT","total":"49.90","currency":"EUR","items":3,"tracking":"RR123456785PT"},"class":"transactional","campaign":"order-updates","orderingKey":"order-81723","expiresAt":"2027-01-15T12:00:00Z","metadata":{"service":"orders","region":"eu-west"}}`

func BenchmarkDecodeJSON(b *testing.B) {
	rec := send.Record{Value: []byte(shop), Headers: []send.Header{{Key: "content-type", Value: []byte("application/json")}}}
	benchmarkDecode(b, rec)
}

func BenchmarkDecodeProtobuf(b *testing.B) {
	s, _, err := send.Decode(send.Record{Value: []byte(shop)}, send.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	value, err := s.MarshalVT()
	if err != nil {
		b.Fatal(err)
	}
	benchmarkDecode(b, send.Record{Value: value, Headers: []send.Header{{Key: "content-type", Value: []byte("application/x-protobuf")}}})
}

func benchmarkDecode(b *testing.B, rec send.Record) {
	lim := send.DefaultLimits()
	b.SetBytes(int64(len(rec.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := send.Decode(rec, lim); err != nil {
			b.Fatal(err)
		}
	}
}

// sent is an ordinary outcome.
func sent() *carillonv1.Status {
	at := time.Date(2026, 11, 22, 9, 30, 0, 123e6, time.UTC)
	return &carillonv1.Status{
		EventId: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Kind: carillonv1.Kind_KIND_OUTCOME, Status: carillonv1.State_STATE_SENT,
		Id: "order-81723-shipped", App: "shop", Recipient: "customer-1942", Campaign: "order-updates",
		Channel: "email", Account: "primary", Attempt: 1,
		Source:            &carillonv1.Source{Topic: "carillon.sends", Partition: 7, Offset: 8172312},
		ProviderMessageId: "<7a1f@mail.example.com>",
		AcceptedAt:        timestamppb.New(at), At: timestamppb.New(at.Add(80 * time.Millisecond)),
	}
}

func BenchmarkAppendStatusJSON(b *testing.B) {
	s := sent()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = send.AppendStatusJSON(dst[:0], s)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkParseStatus(b *testing.B) {
	value := send.AppendStatusJSON(nil, sent())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := send.ParseStatus(value, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeyOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		send.KeyOf("shop", "customer-1942", "order-81723-shipped")
	}
}
