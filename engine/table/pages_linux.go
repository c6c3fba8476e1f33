package table

import "golang.org/x/sys/unix"

// wantLargePages asks for them where the system gives them to who asks
// (madvise(2), MADV_HUGEPAGE); where it does not, all works as well.
func wantLargePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
