package lane

// list is a first-in, first-out list of what has a field for it to be linked by.
type list[T any, P linked[T]] struct{ first, last *T }

type linked[T any] interface {
	*T
	link() **T
}

func (a *Attempt) link() **Attempt   { return &a.next }
func (c *campaign) link() **campaign { return &c.next }
func (a *app) link() **app           { return &a.next }

func (l *list[T, P]) push(x *T) {
	if l.last == nil {
		l.first = x
	} else {
		*P(l.last).link() = x
	}
	l.last = x
}

// pop takes out the first, or returns nil.
func (l *list[T, P]) pop() *T {
	x := l.first
	if x == nil {
		return nil
	}
	next := P(x).link()
	l.first, *next = *next, nil
	if l.first == nil {
		l.last = nil
	}
	return x
}

// rotate puts the first behind the last.
func (l *list[T, P]) rotate() {
	if l.first != l.last {
		l.push(l.pop())
	}
}

// spares keeps what is not needed for now, and so nothing is allocated where as
// many begin as end.
type spares[T any, P linked[T]] struct {
	list[T, P]
	n int
}

// leastSpares is how many are kept whatever is in use.
const leastSpares = 256

func (s *spares[T, P]) take() *T {
	if s.n == 0 {
		return new(T)
	}
	s.n--
	return s.pop()
}

// add keeps x, and no more than there are in use.
func (s *spares[T, P]) add(x *T, inUse int) {
	s.push(x)
	for s.n++; s.n > inUse+leastSpares; s.n-- {
		s.pop()
	}
}
