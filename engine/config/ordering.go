package config

import "time"

// DefaultOrderApp returns the longest waits of an empty entry, none, for
// configurations that are made in Go.
func DefaultOrderApp() OrderApp {
	return OrderApp{Transactional: OrderWait{Then: "skip"}, Marketing: OrderWait{Then: "skip"}}
}

// leastOrderWait is shorter than an attempt at most providers, and longer than a
// clock is wrong.
const leastOrderWait = time.Second

func (k *checker) ordering(o Ordering) {
	const path = "ordering"
	for _, app := range sortedKeys(o.Apps) {
		at := path + ".apps." + app
		k.need(quietName.MatchString(app), at, "is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all")
		k.orderWait(at+".transactional", o.Apps[app].Transactional)
		k.orderWait(at+".marketing", o.Apps[app].Marketing)
	}
}

func (k *checker) orderWait(path string, w OrderWait) {
	at := path + ".longest_wait"
	if _, set := k.c.lines[at]; set || w.LongestWait != 0 {
		k.need(w.LongestWait >= leastOrderWait, at, "is %s; take at least %s, or delete it: without it a send waits until it expires",
			FormatDuration(w.LongestWait), FormatDuration(leastOrderWait))
		return
	}
	k.need(w.Then != "expire", at, "is missing while then is expire; set it, such as 10m, or delete then")
}
