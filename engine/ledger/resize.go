package ledger

import "github.com/carillonhq/carillon/engine/send"

// resizing is a table on its way to another size. It has the chunks up to where
// the last id went, and what was read of the old ones is spare.
type resizing struct {
	*table
	spare []chunk
}

// resize gives the table as many slots, or some more. They suffice.
func (t *table) resize(slots int) {
	if slots > chunkSize {
		slots = (slots + chunkSize - 1) / chunkSize * chunkSize
	}
	aside, old := t.takeWrapped(), t.chunks
	t.chunks, t.size = nil, slots
	r := resizing{table: t}
	for _, c := range old {
		c.each(func(at int) { r.place(c.key(at), c.value(at)) })
		clear(c.tags)
		r.spare = append(r.spare, c)
	}
	for len(t.chunks)*chunkSize < t.size {
		r.extend()
	}
	for _, c := range r.spare {
		t.usage.give(c)
	}
	for _, id := range aside {
		r.place(id.key, id.value)
	}
}

// extend adds a chunk.
func (r *resizing) extend() {
	size := min(r.size, chunkSize)
	if n := len(r.spare) - 1; n >= 0 && len(r.spare[n].tags) == size {
		r.chunks, r.spare = append(r.chunks, r.spare[n]), r.spare[:n]
		return
	}
	r.chunks = append(r.chunks, r.usage.take(size))
}

// place puts an id into the table that is not in it.
func (r *resizing) place(k send.Key, value uint64) {
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

type keyValue struct {
	key   send.Key
	value uint64
}

// takeWrapped takes the ids out that are at the beginning since there was no room
// at the end. All others are where those of lower keys are before them, by and
// large.
func (t *table) takeWrapped() (out []keyValue) {
	for n, c := range t.chunks {
		for at, tag := range c.tags {
			if tag == 0 {
				return out
			}
			k := c.key(at)
			if home, slot := t.home(k); home*chunkSize+slot > n*chunkSize+at {
				out = append(out, keyValue{k, c.value(at)})
				c.tags[at] = 0
			}
		}
	}
	return out
}
