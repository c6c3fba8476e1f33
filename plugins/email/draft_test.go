package email

import (
	"strings"
	"testing"
)

// A header is folded before single blanks, and says the same unfolded.
func TestField(t *testing.T) {
	word := strings.Repeat("w", 30)
	for _, c := range []struct{ name, value, want string }{
		{"it fits", "a b", "X: a b"},
		{"it fits exactly", strings.Repeat("a", softLine-3), "X: " + strings.Repeat("a", softLine-3)},
		{"two lines", word + " " + word + " " + word, "X: " + word + " " + word + "\r\n " + word},
		{"three", strings.Repeat(word+" ", 4) + word, "X: " + word + " " + word + "\r\n " + word + " " + word + "\r\n " + word},
		{"one word that is too long", strings.Repeat("a", 100), "X: " + strings.Repeat("a", 100)},
		{"such a word, and others", strings.Repeat("a", 100) + " b c", "X: " + strings.Repeat("a", 100) + "\r\n b c"},
		{"not at a run of blanks, which would be a line of blanks alone", strings.Repeat("a", 70) + "   " + word, "X: " + strings.Repeat("a", 70) + "   " + word},
		{"nor at the end", strings.Repeat("a", 80) + " ", "X: " + strings.Repeat("a", 80) + " "},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &draft{}
			d.field("X", c.value)
			if got := d.String(); got != c.want+"\r\n" {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := strings.ReplaceAll(d.String(), "\r\n ", " "); got != "X: "+c.value+"\r\n" {
				t.Errorf("unfolded it is %q", got)
			}
		})
	}
}

// No text can end its part of the mail.
func TestBoundary(t *testing.T) {
	const token = "k"
	d := &draft{}
	d.alternatives("--=_carillon_k--\n--=_carillon_k", "<p>--=_carillon_k</p>", token)
	if n := strings.Count(d.String(), "--=_carillon_"+token); n != 3 {
		t.Errorf("the boundary is there %d times, want 3:\n%s", n, d.String())
	}
}
