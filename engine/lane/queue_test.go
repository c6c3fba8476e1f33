package lane

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"pgregory.net/rapid"
)

// of makes attempts of one app and campaign: "a/x" makes "a/x0", "a/x1" ...
func of(name string, n int) []*Attempt {
	app, campaign, _ := strings.Cut(name, "/")
	all := make([]*Attempt, n)
	for i := range all {
		all[i] = &Attempt{Send: &carillonv1.Send{Id: name + strconv.Itoa(i), App: app, Campaign: campaign, To: &carillonv1.Recipient{Id: "u"}}}
	}
	return all
}

// drained is the names of what comes out, until nothing or the most is left.
func drained(q *Queue, most int) string {
	var ids []string
	for ; q.Len() > 0 && most > 0; most-- {
		ids = append(ids, q.Pop().Send.Id)
	}
	return strings.Join(ids, " ")
}

func TestTurns(t *testing.T) {
	type part struct {
		name string
		n    int
	}
	for _, c := range []struct {
		name   string
		before []part
		pops   int // between the two
		after  []part
		want   string // of all pops
	}{
		{"one app, no campaign: first in, first out", []part{{"a/", 3}}, 0, nil, "a/0 a/1 a/2"},
		{"an app with less goes with the first of one with more", []part{{"a/", 4}, {"b/", 1}}, 0, nil, "a/0 b/0 a/1 a/2 a/3"},
		{"campaigns take turns", []part{{"a/x", 3}, {"a/y", 2}}, 0, nil, "a/x0 a/y0 a/x1 a/y1 a/x2"},
		{"what has no campaign is one of them", []part{{"a/x", 2}, {"a/", 2}}, 0, nil, "a/x0 a/0 a/x1 a/1"},
		{"more campaigns are no more turns", []part{{"a/x", 2}, {"a/y", 2}, {"b/", 2}}, 0, nil, "a/x0 b/0 a/y0 b/1 a/x1 a/y1"},
		{"campaigns of one name belong to their apps", []part{{"a/x", 2}, {"b/x", 2}}, 0, nil, "a/x0 b/x0 a/x1 b/x1"},
		{"who comes goes behind those who wait", []part{{"a/", 2}, {"b/", 2}}, 1, []part{{"c/", 1}}, "a/0 b/0 a/1 c/0 b/1"},
		{"who had the last of its own and comes again has gained nothing", []part{{"a/", 1}, {"b/", 2}, {"c/", 1}}, 1, []part{{"a/", 1}}, "a/0 b/0 c/0 a/0 b/1"},
		{"empty, and filled again", []part{{"a/x", 1}}, 1, []part{{"a/x", 2}}, "a/x0 a/x0 a/x1"},
	} {
		var q Queue
		push := func(parts []part) {
			for _, p := range parts {
				for _, a := range of(p.name, p.n) {
					q.Push(a)
				}
			}
		}
		push(c.before)
		got := drained(&q, c.pops)
		push(c.after)
		if got = strings.TrimSpace(got + " " + drained(&q, 1000)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if len(q.apps)+len(q.campaigns) > 0 || q.last != nil {
			t.Errorf("%s: the empty queue knows %d apps and %d campaigns", c.name, len(q.apps), len(q.campaigns))
		}
	}
}

func TestRemove(t *testing.T) {
	for _, c := range []struct {
		name  string
		match func(id string) bool
		want  string // that was removed
		left  string
	}{
		{"nothing", func(string) bool { return false }, "", "a/x0 b/0 a/y0 b/1 a/x1 a/y1"},
		{"all", func(string) bool { return true }, "a/x0 a/x1 a/y0 a/y1 b/0 b/1", ""},
		{"a campaign", func(id string) bool { return strings.HasPrefix(id, "a/x") }, "a/x0 a/x1", "a/y0 b/0 a/y1 b/1"},
		{"an app", func(id string) bool { return strings.HasPrefix(id, "a") }, "a/x0 a/x1 a/y0 a/y1", "b/0 b/1"},
		{"the first of each", func(id string) bool { return strings.HasSuffix(id, "0") }, "a/x0 a/y0 b/0", "a/x1 b/1 a/y1"},
	} {
		var q Queue
		for _, a := range slices.Concat(of("a/x", 2), of("a/y", 2), of("b/", 2)) {
			q.Push(a)
		}
		var got []string
		for _, a := range q.Remove(func(a *Attempt) bool { return c.match(a.Send.Id) }) {
			got = append(got, a.Send.Id)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: removes %s, want %s", c.name, got, c.want)
		}
		if left := drained(&q, 1000); left != c.left {
			t.Errorf("%s: leaves %s, want %s", c.name, left, c.left)
		}
	}
}

// Whatever is pushed and removed, each attempt comes out once, those of a
// campaign in order, and between any two moments those apps that have something
// waiting all along get the same number of turns, or one more; so do an app's
// campaigns.
func TestQueueIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{t: t, waiting: map[string][]*Attempt{}, apps: spans{}, campaigns: map[string]spans{}}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3:
				m.push()
			case 4:
				m.remove()
			default:
				m.pop()
			}
			m.check()
		}
		for m.q.Len() > 0 {
			m.pop()
			m.check()
		}
	})
}

// model is what a queue should hold, by app and campaign.
type model struct {
	t         *rapid.T
	q         Queue
	pushed    int
	waiting   map[string][]*Attempt
	apps      spans
	campaigns map[string]spans
}

// spans counts, for each two that wait, how often the first had its turn since
// either came, less how often the other had: the least and the most.
type spans map[[2]string]*[3]int

// turn notes a turn, and says whether it was one too many.
func (s spans) turn(who string) (unfair string) {
	for pair, d := range s {
		switch who {
		case pair[0]:
			d[0]++
		case pair[1]:
			d[0]--
		}
		if d[1], d[2] = min(d[1], d[0]), max(d[2], d[0]); d[2]-d[1] > 1 {
			return fmt.Sprintf("%v in %v", *d, pair)
		}
	}
	return ""
}

// waits makes it those who wait, and no others.
func (s spans) waits(who map[string]bool) {
	for pair := range s {
		if !who[pair[0]] || !who[pair[1]] {
			delete(s, pair)
		}
	}
	for a := range who {
		for b := range who {
			if a < b && s[[2]string{a, b}] == nil {
				s[[2]string{a, b}] = &[3]int{}
			}
		}
	}
}

func (m *model) push() {
	name := rapid.SampledFrom([]string{"a", "a", "b", "c"}).Draw(m.t, "app") + "/" + rapid.SampledFrom([]string{"", "x", "y"}).Draw(m.t, "campaign")
	for _, a := range of(name, rapid.SampledFrom([]int{1, 2, 20}).Draw(m.t, "n")) {
		a.Number = uint32(m.pushed)
		m.pushed++
		m.q.Push(a)
		m.waiting[name] = append(m.waiting[name], a)
	}
}

func nameOf(a *Attempt) string { return a.Send.App + "/" + a.Send.Campaign }

func (m *model) pop() {
	if m.q.Len() == 0 {
		return
	}
	a := m.q.Pop()
	name := nameOf(a)
	if len(m.waiting[name]) == 0 || m.waiting[name][0] != a {
		m.t.Fatalf("%s is not the first of its campaign", a.Send.Id)
	}
	m.waiting[name] = m.waiting[name][1:]
	if unfair := m.apps.turn(a.Send.App); unfair != "" {
		m.t.Fatalf("apps: %s", unfair)
	}
	if unfair := m.campaigns[a.Send.App].turn(name); unfair != "" {
		m.t.Fatalf("campaigns: %s", unfair)
	}
}

func (m *model) remove() {
	by := uint32(rapid.IntRange(2, 5).Draw(m.t, "each"))
	which := func(a *Attempt) bool { return a.Number%by == 0 }
	out := m.q.Remove(which)
	for name, all := range m.waiting {
		var want, got []*Attempt
		for _, a := range out {
			if nameOf(a) == name {
				got = append(got, a)
			}
		}
		m.waiting[name] = nil
		for _, a := range all {
			if which(a) {
				want = append(want, a)
			} else {
				m.waiting[name] = append(m.waiting[name], a)
			}
		}
		if !slices.Equal(got, want) {
			m.t.Fatalf("of %s %d are removed, want %d", name, len(got), len(want))
		}
	}
}

func (m *model) check() {
	n, apps, all := 0, map[string]bool{}, map[string]map[string]bool{"a": {}, "b": {}, "c": {}}
	for name, waiting := range m.waiting {
		if n += len(waiting); len(waiting) > 0 {
			apps[name[:1]], all[name[:1]][name] = true, true
		}
	}
	m.apps.waits(apps)
	campaigns := 0
	for app, its := range all {
		if m.campaigns[app] == nil {
			m.campaigns[app] = spans{}
		}
		m.campaigns[app].waits(its)
		campaigns += len(its)
	}
	seen := len(slices.Collect(m.q.All()))
	if m.q.Len() != n || seen != n || len(m.q.apps) != len(apps) || len(m.q.campaigns) != campaigns {
		m.t.Fatalf("it has %d (%d) of %d apps and %d campaigns, want %d of %d and %d",
			m.q.Len(), seen, len(m.q.apps), len(m.q.campaigns), n, len(apps), campaigns)
	}
}

// A hundred apps, of which the last has ten thousand times as much waiting as the
// first, share alike as long as all have something.
func TestSharesOfAHundredApps(t *testing.T) {
	var q Queue
	for i := range 100 {
		n := 20 + i*i
		if i == 99 {
			n = 200_000
		}
		for _, a := range of("app"+strconv.Itoa(i)+"/", n) {
			q.Push(a)
		}
	}
	got := map[string]float64{}
	for range 20 * 100 {
		got[q.Pop().Send.App]++
	}
	if index := jain(got); len(got) != 100 || index < 0.99 {
		t.Errorf("Jain's index of %d apps is %.4f", len(got), index)
	}
}

// jain is the fairness index of shares: 1 if all have the same, 1/n if one has all.
// R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness", DEC TR-301, 1984.
func jain(shares map[string]float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// What has gone leaves no more behind than what waits, and a few.
func TestEmptyCampaignsLeaveNothing(t *testing.T) {
	var q Queue
	for i := range 10_000 {
		q.Push(of("app"+strconv.Itoa(i%1000)+"/"+strconv.Itoa(i), 1)[0])
	}
	for q.Len() > 0 {
		q.Pop()
		if q.oldCampaigns.n > len(q.campaigns)+leastSpares || q.oldApps.n > len(q.apps)+leastSpares {
			t.Fatalf("%d campaigns and %d apps wait, %d and %d are kept", len(q.campaigns), len(q.apps), q.oldCampaigns.n, q.oldApps.n)
		}
	}
}
