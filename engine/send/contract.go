package send

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// room is where the parts of a send that nearly all have are made in one
// allocation.
type room struct {
	send              carillonv1.Send
	to                carillonv1.Recipient
	content           carillonv1.Content
	channels          [2]string
	sendAt, expiresAt timestamppb.Timestamp
}

// The tables of what a send is made of, in the order of send.proto. Sizes are
// in bytes, and generous: what a provider takes is its channel's business.
var (
	sendFields = table(
		text("id", rule{required: true, max: 128}, func(m *carillonv1.Send) *string { return &m.Id }),
		text("app", rule{required: true, max: 64, chars: nameChars}, func(m *carillonv1.Send) *string { return &m.App }),
		part("to", true, recipientFields, func(m *carillonv1.Send) **carillonv1.Recipient { return &m.To },
			func(s *scanner) *carillonv1.Recipient { return &s.room.to }),
		texts("channels", 16, rule{required: true, max: 64}, func(m *carillonv1.Send) *[]string { return &m.Channels },
			func(s *scanner) []string { return s.room.channels[:0] }),
		part("content", false, contentFields, func(m *carillonv1.Send) **carillonv1.Content { return &m.Content },
			func(s *scanner) *carillonv1.Content { return &s.room.content }),
		field[carillonv1.Send]{
			name:  "data",
			read:  func(s *scanner, m *carillonv1.Send) { m.Data = s.object() },
			write: func(dst []byte, m *carillonv1.Send) []byte { return append(dst, m.Data...) },
		},
		enum("class", false, classNames[:], func(m *carillonv1.Send) *carillonv1.Class { return &m.Class }),
		text("campaign", rule{max: 128}, func(m *carillonv1.Send) *string { return &m.Campaign }),
		text("collapseKey", rule{max: 128}, func(m *carillonv1.Send) *string { return &m.CollapseKey }),
		text("orderingKey", rule{max: 128}, func(m *carillonv1.Send) *string { return &m.OrderingKey }),
		moment("sendAt", false, func(m *carillonv1.Send) **timestamppb.Timestamp { return &m.SendAt },
			func(s *scanner) *timestamppb.Timestamp { return &s.room.sendAt }),
		moment("expiresAt", false, func(m *carillonv1.Send) **timestamppb.Timestamp { return &m.ExpiresAt },
			func(s *scanner) *timestamppb.Timestamp { return &s.room.expiresAt }),
		pairs("metadata", 64, rule{required: true, max: 128}, rule{max: 1024},
			func(m *carillonv1.Send) *[]*carillonv1.Pair { return &m.Metadata }),
		boolean("testMode", func(m *carillonv1.Send) *bool { return &m.TestMode }),
		text("traceparent", rule{max: 256}, func(m *carillonv1.Send) *string { return &m.Traceparent }),
		text("tracestate", rule{max: 512}, func(m *carillonv1.Send) *string { return &m.Tracestate }),
		part("fallback", false, fallbackFields, func(m *carillonv1.Send) **carillonv1.Fallback { return &m.Fallback }, made[carillonv1.Fallback]),
	)

	fallbackFields = table(
		texts("on", len(FallbackOn), rule{required: true, oneOf: FallbackOn}, func(m *carillonv1.Fallback) *[]string { return &m.On },
			func(*scanner) []string { return nil }),
	)

	recipientFields = table(
		text("id", rule{required: true, max: 128}, func(m *carillonv1.Recipient) *string { return &m.Id }),
		text("email", rule{max: 1024}, func(m *carillonv1.Recipient) *string { return &m.Email }),
		text("phone", rule{max: 64}, func(m *carillonv1.Recipient) *string { return &m.Phone }),
		list("push", 16, pushFields, func(m *carillonv1.Recipient) *[]*carillonv1.PushToken { return &m.Push }),
		text("webhook", rule{max: 2048}, func(m *carillonv1.Recipient) *string { return &m.Webhook }),
		pairs("chat", 16, rule{required: true, max: 64, chars: nameChars}, rule{max: 256},
			func(m *carillonv1.Recipient) *[]*carillonv1.Pair { return &m.Chat }),
		text("locale", rule{max: 35, valid: isLocale, form: "a BCP 47 language tag"},
			func(m *carillonv1.Recipient) *string { return &m.Locale }),
		text("timeZone", rule{max: 64, valid: isZone, form: "the name of a zone of the IANA time zone database"},
			func(m *carillonv1.Recipient) *string { return &m.TimeZone }),
		texts("preferredChannels", 16, rule{required: true, max: 64}, func(m *carillonv1.Recipient) *[]string { return &m.PreferredChannels },
			func(*scanner) []string { return nil }),
	)

	pushFields = table(
		text("token", rule{required: true, max: 4096}, func(m *carillonv1.PushToken) *string { return &m.Token }),
		text("platform", rule{required: true, oneOf: []string{"apns", "fcm", "webpush", "huawei"}},
			func(m *carillonv1.PushToken) *string { return &m.Platform }),
		text("p256dh", rule{max: 256}, func(m *carillonv1.PushToken) *string { return &m.P256Dh }),
		text("auth", rule{max: 256}, func(m *carillonv1.PushToken) *string { return &m.Auth }),
	)

	contentFields = table(
		text("title", rule{max: 1024}, func(m *carillonv1.Content) *string { return &m.Title }),
		text("body", rule{chars: manyLines}, func(m *carillonv1.Content) *string { return &m.Body }),
		text("html", rule{chars: manyLines}, func(m *carillonv1.Content) *string { return &m.Html }),
		list("media", 16, mediaFields, func(m *carillonv1.Content) *[]*carillonv1.Media { return &m.Media }),
		list("actions", 16, actionFields, func(m *carillonv1.Content) *[]*carillonv1.Action { return &m.Actions }),
	)

	mediaFields = table(
		text("kind", rule{required: true, oneOf: []string{"image", "video", "audio", "file"}},
			func(m *carillonv1.Media) *string { return &m.Kind }),
		text("url", rule{required: true, max: 2048}, func(m *carillonv1.Media) *string { return &m.Url }),
		text("type", rule{max: 128}, func(m *carillonv1.Media) *string { return &m.Type }),
		text("name", rule{max: 256}, func(m *carillonv1.Media) *string { return &m.Name }),
		text("alt", rule{max: 1024}, func(m *carillonv1.Media) *string { return &m.Alt }),
	)

	actionFields = table(
		text("kind", rule{required: true, oneOf: []string{"url", "reply", "call"}},
			func(m *carillonv1.Action) *string { return &m.Kind }),
		text("label", rule{required: true, max: 256}, func(m *carillonv1.Action) *string { return &m.Label }),
		text("url", rule{max: 2048}, func(m *carillonv1.Action) *string { return &m.Url }),
		text("payload", rule{max: 1024}, func(m *carillonv1.Action) *string { return &m.Payload }),
	)
)
