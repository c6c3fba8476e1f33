package limit

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clock tells the process that measures when a yardstick begins, with its first
// send at hand, and how long it took until its last was done. It is a file of
// two lines.
type clock struct {
	path   string
	once   sync.Once
	began  time.Time
	unsaid error // why the file could not be written
}

// begin may be called often, and by several goroutines; the first call counts.
func (c *clock) begin() {
	c.once.Do(func() {
		c.began = time.Now()
		c.unsaid = os.WriteFile(c.path, []byte("begun\n"), 0o644)
	})
}

// end is called once, and waits for ctx: the process that measures reads what
// this one and its children have used while they are still there.
func (c *clock) end(ctx context.Context) {
	took := time.Since(c.began)
	if c.unsaid == nil {
		c.unsaid = os.WriteFile(c.path, fmt.Appendf(nil, "begun\n%.6f\n", took.Seconds()), 0o644)
	}
	if c.unsaid == nil {
		<-ctx.Done()
	}
}

// readClock reads what a clock has said so far; took is 0 until the end.
func readClock(path string) (begun bool, took time.Duration) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, 0 // it is not there yet
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) > 2 { // both are whole
		if seconds, err := strconv.ParseFloat(lines[1], 64); err == nil {
			took = time.Duration(seconds * float64(time.Second))
		}
	}
	return len(lines) > 1, took
}
