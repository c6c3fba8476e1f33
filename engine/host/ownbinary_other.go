//go:build !linux

package host

import (
	"fmt"
	"sync"
)

var ownChecksum sync.Map // path to the checksum at the first start

// ownBinary refuses a file that changed since the first start: an upgrade on
// disk must not start plugins of another version.
func ownBinary(path string) (string, error) {
	sum, err := Checksum(path)
	if err != nil {
		return "", fmt.Errorf("read the running binary for its checksum: %w", err)
	}
	if first, _ := ownChecksum.LoadOrStore(path, sum); first != sum {
		return "", fmt.Errorf("the carillon binary %s was replaced while it runs; restart carillon", path)
	}
	return path, nil
}
