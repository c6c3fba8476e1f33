package conform

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// keepsMemory sends many, and compares the memory after a fifth of them with
// that at the end.
func (e *exam) keepsMemory() error {
	e.stop() // what huge requests took says nothing
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	m, ok := e.plugin.(Measured)
	if !ok {
		return errors.ErrUnsupported
	}
	n := e.suite.Sends
	if err := s.pump(e, n/5); err != nil {
		return err
	}
	before, err := m.Resident()
	if err != nil {
		return err
	}
	if err := s.pump(e, n-n/5); err != nil {
		return err
	}
	after, err := m.Resident()
	if err != nil {
		return err
	}
	// What a garbage collector leaves lying is a share of what it had; what leaks
	// is some of each send.
	if most := max(32<<20, before/2); after-before > most {
		return found("let go of what belongs to a send when it is answered",
			"%d MiB after %d sends, %d MiB after %d: more than %d MiB in between", before>>20, n/5, after>>20, n, most>>20)
	}
	return s.finish()
}

// pump sends n attempts with as many open as are granted.
func (s *stream) pump(e *exam, n int) error {
	credits := func() int { return s.granted - s.results - len(s.open) }
	for sent := 0; sent < n || len(s.open) > 0; {
		for b := min(n-sent, e.batch(), credits()); b > 0; b = min(n-sent, e.batch(), credits()) {
			if err := s.send(e.good(b)); err != nil {
				return err
			}
			sent += b
		}
		if len(s.open) == 0 {
			return found("give one credit back with each result", "after %d sends no credits are left, and nothing is open", sent)
		}
		if _, err := s.receive(s.missing()); err != nil {
			return errors.Join(s.wrong(), err)
		}
		if err := s.wrong(); err != nil {
			return err
		}
		clear(s.verdicts)
	}
	return nil
}

// drains ends the stream as the engine does when it stops: with attempts open.
func (e *exam) drains() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	for range 4 {
		if n := min(e.batch(), s.granted-len(s.open)-s.results); n > 0 {
			if err := s.send(e.good(n)); err != nil {
				return err
			}
		}
	}
	return errors.Join(s.finish(), s.allSent())
}

// leaves asks the plugin to leave while a stream is open.
func (e *exam) leaves() error {
	const do = "leave on go-plugin's Shutdown, or on SIGTERM, whatever is open"
	p, err := e.running()
	if err != nil {
		return err
	}
	if e.closed == "" {
		s, err := e.stream("a", false)
		if err != nil {
			return err
		}
		defer s.cancel()
	}
	began := time.Now()
	how, forced := p.Stop()
	e.plugin = nil
	if forced {
		return found(do, "it did not leave and was killed after %s (%s)", time.Since(began).Round(100*time.Millisecond), how)
	}
	return nil
}

// orphanWithin is how long a plugin may outlive its parent.
const orphanWithin = 5 * time.Second

func (e *exam) leavesWithParent() error {
	left, err := e.target.(Process).Orphan(e.ctx, orphanWithin)
	if errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err != nil {
		return found("see the check start", "its start by another parent: %v", err)
	}
	if len(left) > 0 {
		return found("watch the parent's process id (the Go SDK does), and end what you start: an orphan goes on sending what a new owner sends as well",
			"%s after its parent's death still there: %s", orphanWithin, strings.Join(left, ", "))
	}
	return nil
}

// mostPrinted is far beyond what the engine shows: 50 lines a second.
const mostPrinted = 4 << 20

func (e *exam) printsNoSecret() error {
	text, bytes := e.target.(Process).Printed()
	var wrong []error
	for _, secrets := range []map[string]string{e.suite.Secrets, e.canary} {
		for name, value := range secrets {
			if len(value) >= 4 && strings.Contains(text, value) {
				wrong = append(wrong, found("print no secret: the engine masks what it knows, and others read logs too", "it prints the secret %s", name))
			}
		}
	}
	if e.closed == "" {
		if address := e.good(1)[0].Address.GetValue(); len(address) >= addressy && strings.Contains(text, address) {
			wrong = append(wrong, found("print no address: name the attempt by its id", "it prints the address of an attempt"))
		}
	}
	if bytes > mostPrinted {
		wrong = append(wrong, found("print what an operator must know, and no line for each send", "it printed %s", size(bytes)))
	}
	return errors.Join(wrong...)
}

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
