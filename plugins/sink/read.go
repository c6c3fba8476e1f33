package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"
)

// Entry is one attempt that reached the sink.
type Entry struct {
	// Verdict is what was going to be answered: "accepted", "failed",
	// "throttled", "rejected", "unknown", or "refused" for the account's credentials.
	Verdict string
	Attempt uint32
	Token   uint64
	At      time.Time
	// Deadline is until when an answer counts.
	Deadline time.Time
	Key      string
	App      string
	// Recipient and ID are the send's.
	Recipient string
	ID        string
}

// Sent says whether the recipient got the message: accepted, or unknown to the
// engine and yet arrived.
func (e Entry) Sent() bool { return e.Verdict == "accepted" || e.Verdict == "unknown" }

// ReadLedger returns the entries of a ledger in the order of arrival. A line
// that a kill has left unfinished was never answered, and is left out.
func ReadLedger(path string) ([]Entry, error) {
	var entries []Entry
	for e, err := range Entries(path) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Entries goes through a ledger like ReadLedger, one entry at a time. An error
// is the last thing that it yields.
func Entries(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Entry{}, fmt.Errorf("open the sink's ledger: %w", err))
			return
		}
		defer file.Close()
		lines := bufio.NewReaderSize(file, 1<<16)
		for n := 1; ; n++ {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				if !strings.HasSuffix(line, "\t.\n") {
					continue
				}
				var e Entry
				if e, err = parseEntry(strings.TrimSuffix(line, "\t.\n")); err == nil {
					if !yield(e, nil) {
						return
					}
					continue
				}
			}
			yield(Entry{}, fmt.Errorf("read line %d of the sink's ledger %s: %w", n, path, err))
			return
		}
	}
}

var outcomeNames = map[string]string{"a": "accepted", "f": "failed", "t": "throttled", "r": "rejected", "u": "unknown", "c": "refused"}

func parseEntry(line string) (Entry, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 9 {
		return Entry{}, fmt.Errorf("has %d fields, want 9", len(fields))
	}
	e := Entry{Verdict: outcomeNames[fields[0]]}
	attempt, err1 := strconv.ParseUint(fields[1], 10, 32)
	token, err2 := strconv.ParseUint(fields[2], 10, 64)
	ns, err3 := strconv.ParseInt(fields[3], 10, 64)
	ms, err4 := strconv.ParseInt(fields[4], 10, 64)
	e.Attempt, e.Token, e.At, e.Deadline = uint32(attempt), token, time.Unix(0, ns), time.UnixMilli(ms)
	faults := []error{err1, err2, err3, err4}
	for i, into := range []*string{&e.Key, &e.App, &e.Recipient, &e.ID} {
		text, err := unquote(fields[5+i])
		*into = text
		faults = append(faults, err)
	}
	return e, errors.Join(faults...)
}

func unquote(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	return strconv.Unquote(`"` + s + `"`)
}
