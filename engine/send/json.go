package send

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// AppendSendJSON appends a valid send as JSON and returns the longer slice.
// Decode reads it back to the same send. Data is appended as it is.
func AppendSendJSON(dst []byte, s *carillonv1.Send) []byte {
	return appendObject(dst, s, sendFields)
}

// ParseStatus reads a status event from a record of the topic `status`: JSON,
// or protobuf where the content-type header says so. An error is an *Invalid;
// a state or kind that this version does not know is one as well. The event
// aliases value.
func ParseStatus(value []byte, headers []Header) (*carillonv1.Status, error) {
	contentType, _ := header(headers, "content-type")
	m := new(carillonv1.Status)
	var s scanner
	switch mediaOf(contentType) {
	case mediaJSON:
		s.begin(value, DefaultLimits())
		s.whole(func() { readObject(&s, m, statusFields) })
	case mediaProtobuf:
		if m.UnmarshalVT(value) != nil {
			s.fail(CodeNotProtobuf, "the value is no protobuf message carillon.v1.Status")
		}
	default:
		s.fail(CodeUnknownFormat, "expected application/json or application/x-protobuf")
	}
	checkStatus(&s.place, m)
	if s.err != nil {
		return nil, s.err
	}
	return m, nil
}

// checkStatus asks only for what every reader decides on: an event that we
// published once must be read for as long as it is kept.
func checkStatus(p *place, m *carillonv1.Status) {
	if p.err == nil && (KindName(m.Kind) == "" || StateName(m.Status) == "") {
		p.fail(CodeBadValue, "a kind and a status that this version knows are required")
	}
}

var (
	statusFields = table(
		text("eventId", rule{required: true, chars: anyText}, func(m *carillonv1.Status) *string { return &m.EventId }),
		enum("kind", true, kindNames[:], func(m *carillonv1.Status) *carillonv1.Kind { return &m.Kind }),
		enum("status", true, stateNames[:], func(m *carillonv1.Status) *carillonv1.State { return &m.Status }),
		text("id", rule{required: true, chars: anyText}, func(m *carillonv1.Status) *string { return &m.Id }),
		text("app", rule{required: true, chars: anyText}, func(m *carillonv1.Status) *string { return &m.App }),
		text("recipient", rule{required: true, chars: anyText}, func(m *carillonv1.Status) *string { return &m.Recipient }),
		text("campaign", rule{chars: anyText}, func(m *carillonv1.Status) *string { return &m.Campaign }),
		text("channel", rule{chars: anyText}, func(m *carillonv1.Status) *string { return &m.Channel }),
		text("account", rule{chars: anyText}, func(m *carillonv1.Status) *string { return &m.Account }),
		number("attempt", func(m *carillonv1.Status) *uint32 { return &m.Attempt }),
		part("source", true, sourceFields, func(m *carillonv1.Status) **carillonv1.Source { return &m.Source }, made[carillonv1.Source]),
		part("reason", false, reasonFields, func(m *carillonv1.Status) **carillonv1.Reason { return &m.Reason }, made[carillonv1.Reason]),
		text("providerMessageId", rule{chars: anyText}, func(m *carillonv1.Status) *string { return &m.ProviderMessageId }),
		moment("acceptedAt", false, func(m *carillonv1.Status) **timestamppb.Timestamp { return &m.AcceptedAt }, made[timestamppb.Timestamp]),
		moment("at", true, func(m *carillonv1.Status) **timestamppb.Timestamp { return &m.At }, made[timestamppb.Timestamp]),
		moment("nextAt", false, func(m *carillonv1.Status) **timestamppb.Timestamp { return &m.NextAt }, made[timestamppb.Timestamp]),
		enum("class", false, classNames[:], func(m *carillonv1.Status) *carillonv1.Class { return &m.Class }),
		list("path", 16, stepFields, func(m *carillonv1.Status) *[]*carillonv1.Step { return &m.Path }),
	)

	stepFields = table(
		text("channel", rule{chars: anyText}, func(m *carillonv1.Step) *string { return &m.Channel }),
		text("account", rule{chars: anyText}, func(m *carillonv1.Step) *string { return &m.Account }),
		number("attempts", func(m *carillonv1.Step) *uint32 { return &m.Attempts }),
		part("reason", false, reasonFields, func(m *carillonv1.Step) **carillonv1.Reason { return &m.Reason }, made[carillonv1.Reason]),
		boolean("unknown", func(m *carillonv1.Step) *bool { return &m.Unknown }),
	)

	sourceFields = table(
		text("topic", rule{required: true, chars: anyText}, func(m *carillonv1.Source) *string { return &m.Topic }),
		number("partition", func(m *carillonv1.Source) *int32 { return &m.Partition }),
		number("offset", func(m *carillonv1.Source) *int64 { return &m.Offset }),
	)

	reasonFields = table(
		text("class", rule{chars: anyText}, func(m *carillonv1.Reason) *string { return &m.Class }),
		text("code", rule{chars: anyText}, func(m *carillonv1.Reason) *string { return &m.Code }),
	)
)
