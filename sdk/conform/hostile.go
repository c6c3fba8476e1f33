package conform

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// survivesBareAttempt sends what no engine sends: nothing but a token.
func (e *exam) survivesBareAttempt() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	if err := s.answers([]*channelv1.Attempt{{Token: 1}}); err != nil {
		return err
	}
	if strings.HasSuffix(s.verdicts[1].String(), " panic") {
		return found("any field may be missing: see the stack that it printed", "the channel panics")
	}
	if err := s.answers(e.good(1)); err != nil {
		return err
	}
	delete(s.verdicts, 1)
	return errors.Join(s.allSent(), s.finish())
}

// hostile is one way in which an attempt may be ill-made. The engine refuses
// most of them before; a plugin is not to rely on that.
type hostile struct {
	name string
	make func(*channelv1.Attempt)
}

func hostilities() []hostile {
	text := func(name, text string) hostile {
		return hostile{name + " in title and body", func(a *channelv1.Attempt) {
			a.Content = &carillonv1.Content{Title: text, Body: text}
		}}
	}
	address := func(name, text string) hostile {
		return hostile{name + " as address", func(a *channelv1.Attempt) { a.Address = &channelv1.Address{Value: text} }}
	}
	return []hostile{
		text("control characters", "a\x00b\x1b[2J\x07\x7f"),
		text("a header", "hello\r\nBcc: eve@example.net\r\n\r\nbody"),
		text("text that runs the other way", "\u202Egnp.exe \u2066\u2069\uFEFF"),
		text("a format", "%s %n {{.}} ${x} <script>alert(1)</script> ' OR 1=1 --"),
		text("1 MiB", strings.Repeat("é😀 ", 1<<20/7)),
		address("nothing", ""),
		address("64 KiB", strings.Repeat("x", 64<<10)),
		address("a line end", "user@example.com\r\nRCPT TO:<eve@example.net>"),
		address("control characters", "\x00\x01\x02\x03\x04\x05\x06"),
		address("a path", "../../../../etc/passwd"),
		{"no content", func(a *channelv1.Attempt) { a.Content = nil }},
		{"data that is no JSON", func(a *channelv1.Attempt) { a.Data = []byte("{\"a\": \xff") }},
		{"data that is 10,000 deep", func(a *channelv1.Attempt) {
			a.Data = []byte(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000))
		}},
		{"a class that nobody knows", func(a *channelv1.Attempt) { a.Class = 99 }},
		{"an id, locale and trace that are none", func(a *channelv1.Attempt) {
			a.Id, a.Locale, a.Traceparent = strings.Repeat("i", 4096), "\x00", "00-zz-zz-00"
		}},
	}
}

// survivesHostility sends them one by one, so that the one that does harm is
// known by name.
func (e *exam) survivesHostility() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	var wrong []error
	for _, h := range hostilities() {
		a := e.fresh(e.suite.Good)
		h.make(a)
		err := s.answers([]*channelv1.Attempt{a})
		if err == nil && strings.HasSuffix(s.verdicts[a.Token].String(), " panic") {
			err = found("see the stack that it printed", "the channel panics")
		}
		if err != nil {
			wrong = append(wrong, prefixed(h.name, err))
		}
		if err != nil && len(s.open) > 0 { // the stream is of no more use
			return errors.Join(wrong...)
		}
	}
	clear(s.verdicts)
	err = s.answers(e.good(1))
	if err == nil {
		err = s.allSent()
	}
	if err != nil {
		wrong = append(wrong, prefixed("a good attempt afterwards", err))
	}
	return errors.Join(append(wrong, s.finish())...)
}

// takesHuge sends as much as the engine puts into one request: 15 MiB.
func (e *exam) takesHuge() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	s.patience *= 3
	batch := e.good(min(15, e.batch(), s.granted))
	for _, a := range batch {
		a.Content = &carillonv1.Content{Title: "large", Body: strings.Repeat("0123456789abcde\n", 15<<20/16/len(batch))}
	}
	if err := s.answers(batch); err != nil {
		return prefixed(fmt.Sprintf("%d attempts of 15 MiB together", len(batch)), err)
	}
	clear(s.verdicts) // a provider may find them too large
	if err := s.answers(e.good(1)); err != nil {
		return prefixed("a good attempt afterwards", err)
	}
	return errors.Join(s.allSent(), s.finish())
}

// takesUnknownFields sends what a later version of the protocol may have.
func (e *exam) takesUnknownFields() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	unknown := protowire.AppendTag(nil, 1000, protowire.BytesType)
	unknown = protowire.AppendString(unknown, "of a newer engine")
	batch := e.good(min(2, e.batch(), s.granted))
	for _, a := range batch {
		a.ProtoReflect().SetUnknown(unknown)
	}
	if err := s.answers(batch); err != nil {
		return prefixed("attempts with a field that is unknown", err)
	}
	return errors.Join(s.allSent(), s.finish())
}
