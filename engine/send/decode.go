package send

import (
	"slices"
	"strconv"
	"sync"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Decode reads and checks the send that a record holds. An error is always an
// *Invalid: the record can never be a send. A send that may be read and still
// can't be sent (it expired, its address is none, nobody knows its channel) is
// no error here but an outcome.
//
// The class is set where the producer left it out, and the trace context is
// taken from the headers as by Trace. The send aliases the record's value and
// headers: they live as long as it, and nobody may write to them. Decode may be
// called from several goroutines.
func Decode(rec Record, lim Limits) (*carillonv1.Send, Notes, error) {
	d := decoders.Get().(*decoder)
	d.lim, d.headers = lim.orDefault(), rec.Headers
	s := d.decode(rec.Value)
	notes, err := d.notes, d.invalid()
	*d = decoder{}
	decoders.Put(d)
	if err != nil {
		return nil, notes, err
	}
	return s, notes, nil
}

// Validate checks a send that did not come through Decode. An error is an
// *Invalid.
func Validate(s *carillonv1.Send) error {
	var data scanner
	checkData(&data, s.Data, DefaultLimits())
	check(&data.place, s)
	return data.invalid()
}

func (l Limits) orDefault() Limits {
	def := DefaultLimits()
	if l.Bytes <= 0 {
		l.Bytes = def.Bytes
	}
	if l.Depth <= 0 {
		l.Depth = def.Depth
	}
	if l.Fields <= 0 {
		l.Fields = def.Fields
	}
	return l
}

// decoder reads one record. One place serves its scanner and the checks.
type decoder struct {
	scanner
	lim     Limits
	headers []Header
	notes   Notes
	eventID string // the CloudEvents id: the send's where it has none
	checked bool   // against the contract, while it was read
}

// decoders spares every send the decoder's allocation. They go back empty.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) decode(value []byte) *carillonv1.Send {
	s := d.read(value)
	d.notes.NearMisses = d.near
	if d.err != nil {
		return nil
	}
	if s.Id == "" {
		s.Id = d.eventID
	}
	Trace(s, d.headers) // what it takes from them needs no other check than its own
	if !d.checked {
		check(&d.place, s)
	}
	if s.Class == carillonv1.Class_CLASS_UNSPECIFIED {
		s.Class = carillonv1.Class_CLASS_TRANSACTIONAL
	}
	return s
}

func (d *decoder) read(value []byte) *carillonv1.Send {
	switch {
	case len(value) == 0:
		d.fail(CodeEmpty, "the record has no value")
		return nil
	case len(value) > d.lim.Bytes:
		d.fail(CodeTooLarge, "the record's value is larger than the engine's limit")
		return nil
	}
	d.detect()
	if d.err != nil {
		return nil
	}
	switch d.notes.Format {
	case Protobuf, CloudEventsBinaryProtobuf:
		return d.readProtobuf(value)
	case CloudEventsStructured:
		return d.readEvent(value)
	default:
		return d.readJSON(value)
	}
}

func (d *decoder) readJSON(value []byte) *carillonv1.Send {
	if d.notes.Format == JSON && d.readBlind(value) {
		return &d.room.send
	}
	return d.readSighted(value)
}

func (d *decoder) readSighted(value []byte) *carillonv1.Send {
	d.begin(value, d.lim)
	d.room = new(room)
	d.whole(func() { readObject(&d.scanner, &d.room.send, sendFields) })
	return &d.room.send
}

// readBlind reads and checks in one pass, which takes half the time of two, and
// says whether there is nothing to complain of. Where there is, the caller reads
// again, with open eyes: nothing is refused here, and no fault is worded twice.
func (d *decoder) readBlind(value []byte) bool {
	d.blind = true
	d.begin(value, d.lim)
	d.room = new(room)
	d.whole(func() { readObject(&d.scanner, &d.room.send, sendFields) })
	checkWhole(&d.place, &d.room.send)
	d.checked = d.err == nil
	d.blind, d.err = false, nil
	return d.checked
}

func (d *decoder) readProtobuf(value []byte) *carillonv1.Send {
	m := new(carillonv1.Send)
	if m.UnmarshalVTUnsafe(value) != nil {
		d.fail(CodeNotProtobuf, "the value is no protobuf message carillon.v1.Send")
		return nil
	}
	m.Data = slices.Clip(m.Data)
	checkData(&d.scanner, m.Data, d.lim)
	return m
}

// checkData checks that data which no scanner has seen is a JSON object.
func checkData(s *scanner, data []byte, lim Limits) {
	if len(data) == 0 {
		return
	}
	s.begin(data, lim)
	s.enter("data")
	s.whole(s.skipObject)
	s.leave()
}

// check holds the send against the contract.
func check(p *place, s *carillonv1.Send) {
	if p.err != nil {
		return
	}
	checkObject(p, s, sendFields)
	checkWhole(p, s)
}

// checkWhole checks what is not one field's.
func checkWhole(p *place, s *carillonv1.Send) {
	for i, a := range s.GetContent().GetActions() {
		checkAction(p, i, a)
	}
	checkChannels(p, s)
	checkTimes(p, s)
}

// FallbackNever is what stands for no fallback.
const FallbackNever = "never"

// FallbackOn are the ends of a channel that the next one may follow, as a send
// and the configuration name them.
var FallbackOn = []string{"attempts", "recipient", "policy", "message", "unknown", FallbackNever}

// checkChannels sees to it that a send comes to each of its channels once, and
// that what it says of that is something.
func checkChannels(p *place, s *carillonv1.Send) {
	for i, name := range s.Channels {
		if slices.Contains(s.Channels[:i], name) {
			p.failAt("channels["+strconv.Itoa(i)+"]", CodeBadValue, "the channel is there twice: name each once")
		}
	}
	if s.Fallback == nil {
		return
	}
	switch on := s.Fallback.On; {
	case len(on) == 0:
		p.failAt("fallback.on", CodeMissing, "say on what the next channel follows, or leave fallback out")
	case len(on) > 1 && slices.Contains(on, FallbackNever):
		p.failAt("fallback.on", CodeBadValue, "never stands alone")
	}
}

func checkAction(p *place, i int, a *carillonv1.Action) {
	needs, has := "payload", a.GetPayload()
	if a.GetKind() == "url" {
		needs, has = "url", a.GetUrl()
	}
	if has == "" {
		p.failAt("content.actions["+strconv.Itoa(i)+"]."+needs, CodeMissing, "an action of this kind needs it")
	}
}

func checkTimes(p *place, s *carillonv1.Send) {
	if s.SendAt == nil {
		return
	}
	sendAt := s.SendAt.AsTime()
	if s.ExpiresAt != nil && !s.ExpiresAt.AsTime().After(sendAt) {
		p.failAt("expiresAt", CodeBadValue, "the send would expire before its time: expiresAt must be after sendAt")
	}
}
