package rigtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"
)

// Tamper waits until a node's provider has noted something in a ledger below dir,
// and takes that away, as if the send had never come to it, or doubles the first
// line. It ends with ctx at the latest.
func Tamper(ctx context.Context, dir string, double bool) {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for ctx.Err() == nil {
		<-poll.C
		for _, depth := range []string{"*", "*/*", "*/*/*"} {
			files, _ := filepath.Glob(filepath.Join(dir, depth, "provider.ledger"))
			for _, file := range files {
				if changed(file, double) {
					return
				}
			}
		}
	}
}

func changed(file string, double bool) bool {
	text, err := os.ReadFile(file)
	first, _, whole := bytes.Cut(text, []byte("\n"))
	if err != nil || !whole {
		return false
	}
	if !double {
		return os.Truncate(file, 0) == nil
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer out.Close()
	_, err = out.Write(append(first, '\n'))
	return err == nil
}
