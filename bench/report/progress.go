package report

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/mattn/go-isatty"
)

// Progress shows how far a run is: on a terminal a line that is written over,
// elsewhere a new line now and then. One goroutine uses it.
type Progress struct {
	w        io.Writer
	what     string
	total    int64
	now      func() time.Time
	terminal bool
	every    time.Duration

	shown   time.Time
	window  []sample // the last seconds, the oldest first
	written bool     // a line of a terminal that has no end yet
}

type sample struct {
	at   time.Time
	done int64
}

// The rate that is shown is that of rateWindow.
const (
	rateWindow    = 5 * time.Second
	terminalEvery = 200 * time.Millisecond
	pipeEvery     = 5 * time.Second
)

// NewProgress returns one of what is counted ("sends"), on the way to total; 0
// is not known.
func NewProgress(w io.Writer, what string, total int64) *Progress {
	f, ok := w.(*os.File)
	terminal := ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
	return newProgress(w, what, total, terminal, time.Now)
}

func newProgress(w io.Writer, what string, total int64, terminal bool, now func() time.Time) *Progress {
	p := &Progress{w: w, what: what, total: total, now: now, terminal: terminal, every: pipeEvery}
	if terminal {
		p.every = terminalEvery
	}
	return p
}

// Show says how many are done, and how many of those failed. It writes nothing
// if it has just done so: call it as often as the numbers are known. The rate is
// of what is done after the first call.
func (p *Progress) Show(done, failed int64) {
	now := p.now()
	if len(p.window) == 0 { // some may have been done before anybody looked
		p.shown, p.window = now, []sample{{now, done}}
		return
	}
	if now.Sub(p.shown) < p.every {
		return
	}
	p.shown = now
	p.window = append(p.window, sample{now, done})
	for len(p.window) > 2 && now.Sub(p.window[1].at) >= rateWindow {
		p.window = p.window[1:]
	}
	p.write(p.line(done, failed))
}

// End ends the line of a terminal, so that something else can be written.
func (p *Progress) End() {
	if p.written {
		fmt.Fprintln(p.w)
		p.written = false
	}
}

func (p *Progress) write(line string) {
	if !p.terminal {
		fmt.Fprintln(p.w, line)
		return
	}
	p.written = true
	fmt.Fprint(p.w, "\r\x1b[K"+line) // EL of ECMA-48: what stood there is gone
}

func (p *Progress) line(done, failed int64) string {
	line := count(done)
	if p.total > 0 {
		line += fmt.Sprintf(" of %s %s (%d%%)", count(p.total), p.what, 100*done/p.total)
	} else {
		line += " " + p.what
	}
	first, last := p.window[0], p.window[len(p.window)-1]
	rate := float64(last.done-first.done) / last.at.Sub(first.at).Seconds()
	line += fmt.Sprintf(", %s/s", thousands(strconv.FormatFloat(rate, 'f', 0, 64)))
	if failed > 0 {
		line += fmt.Sprintf(", %s failed", count(failed))
	}
	if left := p.total - done; left > 0 && rate >= 1 {
		line += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return line
}

func count(n int64) string { return thousands(strconv.FormatInt(n, 10)) }
