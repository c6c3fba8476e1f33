//go:build unix && !linux

package table

func wantLargePages([]byte) {}
