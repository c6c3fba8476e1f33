//go:build unix

package webhook

import "syscall"

// hungUp looks at what an idle connection has to read. It should be nothing:
// neither an end nor an answer that nobody asked for.
func hungUp(raw syscall.RawConn) bool {
	var n int
	var err error
	var one [1]byte
	// Control, as Read would stop at a read deadline that is over.
	if raw.Control(func(fd uintptr) {
		n, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}) != nil {
		return true
	}
	return n > 0 || (err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR)
}
