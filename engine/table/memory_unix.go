//go:build unix

package table

import "golang.org/x/sys/unix"

// mapped returns n bytes that are 0 and not in the Go heap.
func mapped(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		wantLargePages(b)
	}
	return b, err
}

// unmap gives them back. It fails for what mapped did not return alone.
func unmap(b []byte) { _ = unix.Munmap(b) }
