//go:build unix

package ledger

import "golang.org/x/sys/unix"

// mapped returns n bytes that are 0 and not in the Go heap.
func mapped(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// unmap gives them back. Those that mapped did not return are left alone, by
// Munmap's own list.
func unmap(b []byte) { _ = unix.Munmap(b) }
