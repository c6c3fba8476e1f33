package host

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// exitGrace is how long a process may take to end after its connection broke.
const exitGrace = 500 * time.Millisecond

// whyNoHandshake explains a start that got no usable first line. Whoever said
// something else than a handshake, or left by itself without one, will do so
// again; a signal from outside or a missed deadline may have been bad luck.
func (s *session) whyNoHandshake(err error) error {
	for _, lasting := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOEXEC} {
		if errors.Is(err, lasting) {
			return s.spec.fatalf("can't be started: %v; check that the file is a program for this machine and may be executed", err)
		}
	}
	if s.proc.ID() == "" {
		return s.spec.errorf("can't be started: %w", err)
	}
	if line, ok := s.proc.firstLine(); ok {
		if problem := refuseHandshake(line, s.mask.clean); problem != "" {
			return s.spec.fatalf("%s", problem)
		}
		return s.spec.errorf("%s", s.mask.clean(err.Error()))
	}
	how, byItself := s.proc.ending()
	if byItself {
		return s.spec.fatalf("ended before the handshake (%s): it is no Carillon plugin, or its lines in the log say why it left", how)
	}
	return s.spec.errorf("gave no handshake (%s)", how)
}

// errLate is of a call that the plugin's side took for too late: it goes by the same
// limit as start, and its clock may be a little ahead.
var errLate = errors.New("too late")

// failed explains a call of the start that went wrong.
func (s *session) failed(err error) error {
	code := status.Code(err)
	if code == codes.Unimplemented {
		return s.spec.fatalf("does not implement the step %q of the plugin protocol; report it to the plugin's author", s.step)
	}
	if code == codes.DeadlineExceeded || code == codes.Canceled {
		return errLate
	}
	if code == codes.Unavailable {
		select {
		case <-s.proc.exited:
			how, _ := s.proc.ending()
			return s.spec.errorf("ended in this step: %s (%s)", s.step, how)
		case <-time.After(exitGrace):
		}
	}
	return s.spec.errorf("%s: %s", s.step, s.reason(err))
}

// reason is an error's text without gRPC's frame and without secrets.
func (s *session) reason(err error) string {
	text := err.Error()
	if st, ok := status.FromError(err); ok {
		text = st.Message()
	}
	return s.mask.clean(text)
}
