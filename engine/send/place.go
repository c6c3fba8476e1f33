package send

import "strconv"

// maxPath is how deep the contract's own fields nest: an event's data, `to`,
// `push[0]`, `token`, and one to spare. What lies in `data` or in an unknown
// field has that field's path.
const maxPath = 5

// place is where a reader or a checker is, and the first fault it met. Keeping
// the steps costs two stores per field, and spares every return an error that
// would have to be given its path on the way up.
type place struct {
	err   *Invalid
	steps [maxPath]step
	level int
	base  int // steps before it are no part of the path
	// blind keeps no steps, and of a fault only that there is one: whoever reads
	// blindly reads again to name it. A step costs the garbage collector's write
	// barrier, and a send has 25 of them.
	blind bool
}

// unnamed is the fault of a blind place.
var unnamed = &Invalid{}

// step is a field, or one element of a list where index > 0 (counted from 1).
type step struct {
	name  string
	index int
}

func (p *place) enter(name string) {
	if p.blind {
		return
	}
	p.steps[p.level] = step{name: name}
	p.level++
}

// item makes the innermost step the list's element i.
func (p *place) item(i int) {
	if !p.blind {
		p.steps[p.level-1].index = i + 1
	}
}

func (p *place) leave() {
	if !p.blind {
		p.level--
	}
}

// fail notes the first fault. detail says what was expected, and never holds
// any of the record.
func (p *place) fail(code, detail string) {
	if p.err == nil {
		p.failAt(p.String(), code, detail)
	}
}

// failAt is fail for another path.
func (p *place) failAt(path, code, detail string) {
	switch {
	case p.err != nil:
	case p.blind:
		p.err = unnamed
	default:
		p.err = &Invalid{Code: code, Path: path, Detail: detail}
	}
}

// String returns the path: "to.push[0].token".
func (p *place) String() string {
	var path []byte
	for _, s := range p.steps[p.base:p.level] {
		if len(path) > 0 {
			path = append(path, '.')
		}
		path = append(path, s.name...)
		if s.index > 0 {
			path = append(path, '[')
			path = strconv.AppendInt(path, int64(s.index-1), 10)
			path = append(path, ']')
		}
	}
	return string(path)
}

// invalid returns the fault as an error, and nil where there is none: a nil
// *Invalid in an error would not be nil.
func (p *place) invalid() error {
	if p.err == nil {
		return nil
	}
	return p.err
}
