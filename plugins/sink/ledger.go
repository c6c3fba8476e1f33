package sink

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// ledger is an append-only file of the attempts that arrived, one line each:
//
//	outcome TAB attempt TAB token TAB unix-ns TAB deadline-ms TAB key TAB app TAB recipient TAB id TAB .
//
// with the texts as Go string literals without their quotes. The full stop
// shows that the line is whole.
//
// A batch is one write(2) to a file opened with O_APPEND. What it has returned
// from is in the kernel's cache, which outlives the process: a kill loses no
// attempt that was answered. It is not synced, so the machine must not fail.
type ledger struct {
	mu   sync.Mutex
	file *os.File
	buf  []byte
}

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: file}
	if err := l.endLine(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return l, nil
}

// endLine ends the line that a killed predecessor may have left half written,
// so that it doesn't swallow the next.
func (l *ledger) endLine() error {
	info, err := l.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := l.file.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = l.file.Write([]byte("\n"))
	}
	return err
}

func (l *ledger) record(now time.Time, attempts []*sdk.Attempt, decisions []decision) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = l.buf[:0]
	for i, a := range attempts {
		if decisions[i].recorded {
			l.buf = appendEntry(l.buf, decisions[i].outcome, now.UnixNano(), a)
		}
	}
	if len(l.buf) == 0 {
		return nil
	}
	if _, err := l.file.Write(l.buf); err != nil {
		return fmt.Errorf("write %d attempts to the ledger: %w", len(attempts), err)
	}
	return nil
}

func appendEntry(b []byte, o outcome, ns int64, a *sdk.Attempt) []byte {
	b = append(b, byte(o), '\t')
	b = append(strconv.AppendUint(b, uint64(a.Attempt), 10), '\t')
	b = append(strconv.AppendUint(b, a.Token, 10), '\t')
	b = append(strconv.AppendInt(b, ns, 10), '\t')
	b = append(strconv.AppendInt(b, a.DeadlineMs, 10), '\t')
	b = append(appendText(b, a.Key), '\t')
	b = append(appendText(b, a.App), '\t')
	b = append(appendText(b, a.Recipient), '\t')
	b = append(appendText(b, a.Id), '\t')
	return append(b, ".\n"...)
}

// appendText quotes only what would break the line.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '"' {
			quoted := strconv.Quote(s)
			return append(b, quoted[1:len(quoted)-1]...)
		}
	}
	return append(b, s...)
}

func (l *ledger) close() error { return l.file.Close() }
