package table

import "bytes"

// resizing is a table on its way to another size. It has the chunks up to where
// the last entry went, and what was read of the old ones is spare.
type resizing[K Key] struct {
	*Table[K]
	spare []chunk[K]
}

// resize gives the table as many slots, or some more, for those of its entries that
// are to stay; nil is all. They suffice.
func (t *Table[K]) resize(slots int, stays func(value []byte) bool) {
	if slots > chunkSize {
		slots = (slots + chunkSize - 1) / chunkSize * chunkSize
	}
	aside, old := t.takeWrapped(), t.chunks
	t.chunks, t.size, t.used = nil, slots, 0
	r := resizing[K]{Table: t}
	place := func(k K, value []byte) {
		if stays == nil || stays(value) {
			r.place(k, value)
		}
	}
	for _, c := range old {
		c.each(func(at int) { place(c.key(at), c.value(at)) })
		clear(c.tags)
		r.spare = append(r.spare, c)
	}
	for len(t.chunks)*chunkSize < t.size {
		r.extend()
	}
	for _, c := range r.spare {
		t.give(c)
	}
	for _, e := range aside {
		place(e.key, e.value)
	}
}

// extend adds a chunk.
func (r *resizing[K]) extend() {
	size := min(r.size, chunkSize)
	if n := len(r.spare) - 1; n >= 0 && len(r.spare[n].tags) == size {
		r.chunks, r.spare = append(r.chunks, r.spare[n]), r.spare[:n]
		return
	}
	r.chunks = append(r.chunks, r.take(size))
}

// place puts an entry into the table that is not in it.
func (r *resizing[K]) place(k K, value []byte) {
	r.used++
	n, at := r.home(k)
	for {
		for len(r.chunks) <= n {
			r.extend()
		}
		if at = r.chunks[n].room(at); at >= 0 {
			r.chunks[n].set(at, k, value)
			return
		}
		if at, n = 0, n+1; n*chunkSize >= r.size {
			n = 0
		}
	}
}

type entry[K Key] struct {
	key   K
	value []byte
}

// takeWrapped takes the entries out that are at the beginning since there was no
// room at the end. All others are where those of lower keys are before them, by and
// large.
func (t *Table[K]) takeWrapped() (out []entry[K]) {
	for n, c := range t.chunks {
		for at, tag := range c.tags {
			if tag == 0 {
				return out
			}
			k := c.key(at)
			if home, slot := t.home(k); home*chunkSize+slot > n*chunkSize+at {
				out = append(out, entry[K]{k, bytes.Clone(c.value(at))})
				c.tags[at] = 0
			}
		}
	}
	return out
}
