//go:build unix && !linux

package ledger

func wantLargePages([]byte) {}
