package send

import (
	"encoding/base64"
	"strings"
	"unsafe"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// EventType is the CloudEvents type of a send.
const EventType = "com.carillon.send.v1"

// media is what a content type says: which of the three ways to write is meant.
type media uint8

const (
	mediaUnknown media = iota
	mediaJSON
	mediaProtobuf
	mediaEvent
)

// mediaOf reads a content type (RFC 9110, section 8.3). None stands for JSON.
func mediaOf(contentType string) media {
	name, params, _ := strings.Cut(contentType, ";")
	if params != "" && !isUTF8(params) {
		return mediaUnknown
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "application/json":
		return mediaJSON
	case "application/x-protobuf", "application/protobuf", "application/vnd.carillon.send+protobuf":
		return mediaProtobuf
	case "application/cloudevents+json":
		return mediaEvent
	}
	return mediaUnknown
}

// isUTF8 says whether the parameters name no other character set.
func isUTF8(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "charset") && !strings.EqualFold(strings.Trim(value, `"`), "utf-8") {
			return false
		}
	}
	return true
}

// header returns the first header of that name. Names are compared without
// case, as HTTP's are. The string aliases the header.
func header(headers []Header, name string) (value string, ok bool) {
	for i := range headers {
		if h := &headers[i]; len(h.Key) == len(name) && strings.EqualFold(h.Key, name) {
			return unsafe.String(unsafe.SliceData(h.Value), len(h.Value)), true
		}
	}
	return "", false
}

// detect tells the format by the headers, as CloudEvents' Kafka protocol
// binding (1.0.2, section 3) tells its two modes.
func (d *decoder) detect() {
	contentType, _ := header(d.headers, "content-type")
	version, isEvent := header(d.headers, "ce_specversion")
	kind := mediaOf(contentType)
	switch {
	case kind == mediaEvent:
		d.notes.Format = CloudEventsStructured
	case kind == mediaUnknown:
		d.failAt("content-type", CodeUnknownFormat, "expected application/json, application/x-protobuf or application/cloudevents+json, in UTF-8")
	case isEvent:
		d.notes.Format = CloudEventsBinaryJSON
		if kind == mediaProtobuf {
			d.notes.Format = CloudEventsBinaryProtobuf
		}
		eventType, _ := header(d.headers, "ce_type")
		d.eventID, _ = header(d.headers, "ce_id")
		d.checkEvent("ce_", version, eventType)
	case kind == mediaProtobuf:
		d.notes.Format = Protobuf
	}
}

func (d *decoder) checkEvent(prefix, version, eventType string) {
	if version != "1.0" {
		d.failAt(prefix+"specversion", CodeUnknownFormat, "expected CloudEvents 1.0")
	}
	if eventType != EventType {
		d.failAt(prefix+"type", CodeUnknownFormat, "expected the type "+EventType)
	}
}

// envelope is a CloudEvent in structured mode (CloudEvents JSON event format
// 1.0.2). What it has besides is the producer's.
type envelope struct {
	version, eventType, id, contentType string
	traceparent, tracestate             string
	hasData                             bool
	base64                              string
}

var envelopeFields = table(
	text("specversion", rule{}, func(m *envelope) *string { return &m.version }),
	text("id", rule{}, func(m *envelope) *string { return &m.id }),
	text("type", rule{}, func(m *envelope) *string { return &m.eventType }),
	text("datacontenttype", rule{}, func(m *envelope) *string { return &m.contentType }),
	text("traceparent", rule{}, func(m *envelope) *string { return &m.traceparent }),
	text("tracestate", rule{}, func(m *envelope) *string { return &m.tracestate }),
	text("data_base64", rule{}, func(m *envelope) *string { return &m.base64 }),
	field[envelope]{name: "data", read: readEventData},
)

// readEventData reads the send where it stands. From here on, paths are those
// of the send.
func readEventData(s *scanner, m *envelope) {
	m.hasData = true
	s.base = s.level
	readObject(s, &s.room.send, sendFields)
	if s.err == nil {
		s.base = 0
	}
}

func (d *decoder) readEvent(value []byte) *carillonv1.Send {
	d.begin(value, d.lim)
	d.room = new(room)
	var event envelope
	d.whole(func() { readObject(&d.scanner, &event, envelopeFields) })
	if d.err != nil {
		return nil
	}
	d.checkEvent("", event.version, event.eventType)
	if d.err != nil {
		return nil
	}
	d.eventID = event.id
	m := d.eventData(&event, &d.room.send)
	if d.err == nil && m.Traceparent == "" {
		m.Traceparent, m.Tracestate = event.traceparent, event.tracestate
	}
	return m
}

// eventData returns the send of a structured event: read already where it is
// JSON in JSON, else inside of data_base64.
func (d *decoder) eventData(event *envelope, inner *carillonv1.Send) *carillonv1.Send {
	kind := mediaOf(event.contentType)
	switch {
	case event.hasData && event.base64 != "":
		d.failAt("data_base64", CodeDuplicateField, "an event has data or data_base64")
	case kind == mediaJSON && event.hasData:
		return inner
	case event.base64 == "":
		d.failAt("data", CodeMissing, "the event holds no send that its datacontenttype fits")
	case kind != mediaJSON && kind != mediaProtobuf:
		d.failAt("datacontenttype", CodeUnknownFormat, "expected application/json or application/x-protobuf")
	}
	if d.err != nil {
		return nil
	}
	value, err := base64.StdEncoding.DecodeString(event.base64)
	if err != nil {
		d.failAt("data_base64", CodeBadValue, "expected base64 (RFC 4648, section 4)")
		return nil
	}
	if kind == mediaProtobuf {
		return d.readProtobuf(value)
	}
	return d.readJSON(value)
}
