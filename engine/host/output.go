package host

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

const (
	maxLine        = 4 << 10 // bytes of a line that are logged
	linesPerSecond = 50
)

// output logs what one plugin process writes, line by line, masked and bounded
// in length and in rate, whatever the plugin does.
type output struct {
	log  zerolog.Logger
	mask *mask
	tap  io.Writer // Spec.Tap; may be nil
	now  func() time.Time

	mu         sync.Mutex
	second     time.Time // when the current second of the rate began
	logged     int       // in this second
	suppressed int       // since the last line that was logged
}

func newOutput(log zerolog.Logger, m *mask) *output {
	return &output{log: log, mask: m, now: time.Now}
}

// line logs one line. How many were suppressed is said with the next line that
// is not, or at the end. cut says that text is only the beginning of it.
func (o *output) line(level zerolog.Level, stream, text string, cut bool) {
	if strings.TrimSpace(text) == "" || !o.admit() {
		return
	}
	text = o.mask.clean(text)
	if cut { // and with it perhaps a secret, whose first half is not recognised
		text = text[:max(len(text)-o.mask.longest, 0)]
	}
	if cut || len(text) > maxLine {
		text = strings.ToValidUTF8(text[:min(len(text), maxLine)], "") + "…"
	}
	o.log.WithLevel(level).Str("stream", stream).Msg(text)
}

func (o *output) admit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := o.now(); now.Sub(o.second) >= time.Second {
		o.second, o.logged = now, 0
		o.saySuppressed()
	}
	if o.logged >= linesPerSecond {
		o.suppressed++
		return false
	}
	o.logged++
	return true
}

// end says what is still unsaid. Lines may follow.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saySuppressed()
}

func (o *output) saySuppressed() {
	if o.suppressed > 0 {
		o.log.Warn().Int("lines", o.suppressed).Msg("plugin writes too much: lines suppressed")
		o.suppressed = 0
	}
}

// lines is an io.Writer that cuts what it is given into the lines of an output.
type lines struct {
	out    *output
	level  zerolog.Level
	stream string

	mu  sync.Mutex
	buf []byte // at most maxLine and the longest secret
	cut bool   // there was more
}

func (o *output) stream(level zerolog.Level, name string) *lines {
	return &lines{out: o, level: level, stream: name}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out.tap != nil {
		_, _ = l.out.tap.Write(p)
	}
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		room := maxLine + l.out.mask.longest - len(l.buf)
		l.buf = append(l.buf, line[:min(len(line), room)]...)
		l.cut = l.cut || len(line) > room
		if !ended {
			return n, nil
		}
		l.emit()
		p = rest
	}
}

// flush logs a last line that did not end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) > 0 {
		l.emit()
	}
}

func (l *lines) emit() {
	l.out.line(l.level, l.stream, string(l.buf), l.cut)
	l.buf, l.cut = l.buf[:0], false
}

// hclogger is the logger that go-plugin is given. All that it says is for
// debugging: what matters is said by this package.
func hclogger(log zerolog.Logger, m *mask) hclog.Logger {
	if log.GetLevel() > zerolog.DebugLevel || zerolog.GlobalLevel() > zerolog.DebugLevel {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{
		Level: hclog.Debug, DisableTime: true,
		Output: newOutput(log, m).stream(zerolog.DebugLevel, "go-plugin"),
	})
}
