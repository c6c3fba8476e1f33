package email

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText says in words what an HTML page says, for readers that show no
// HTML: paragraphs, list items and the targets of links are kept.
func plainText(page string) string {
	tokens := html.NewTokenizer(strings.NewReader(page))
	var w textWriter
	var hidden atom.Atom // the element whose text is not shown
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return w.text()
		}
		t := tokens.Token()
		switch {
		case hidden != 0:
			if kind == html.EndTagToken && t.DataAtom == hidden {
				hidden = 0
			}
		case kind == html.TextToken:
			w.words(t.Data)
		case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
			w.open(t)
			if kind == html.StartTagToken && unshown(t.DataAtom) {
				hidden = t.DataAtom
			}
		case kind == html.EndTagToken:
			w.shut(t)
		}
	}
}

func unshown(a atom.Atom) bool {
	return a == atom.Style || a == atom.Script || a == atom.Title || a == atom.Template
}

// textWriter gathers lines. Blanks between words become one.
type textWriter struct {
	lines  []string
	line   strings.Builder
	gap    bool   // a blank is due before the next word
	target string // of the link that is open
}

func (w *textWriter) words(s string) {
	if s == "" {
		return
	}
	fields := strings.Fields(s)
	w.gap = w.gap || strings.TrimLeft(s, " \t\r\n") != s
	for i, f := range fields {
		if (w.gap || i > 0) && w.line.Len() > 0 {
			w.line.WriteByte(' ')
		}
		w.line.WriteString(f)
		w.gap = false
	}
	w.gap = w.gap || len(fields) > 0 && strings.TrimRight(s, " \t\r\n") != s
}

func (w *textWriter) open(t html.Token) {
	switch t.DataAtom {
	case atom.Br, atom.Tr, atom.Div:
		w.end(0)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Hr:
		w.end(1)
	case atom.Li:
		w.end(0)
		w.words("-")
		w.gap = true
	case atom.Td, atom.Th:
		w.gap = true
	case atom.Img:
		w.words(attribute(t, "alt"))
	case atom.A:
		w.target = attribute(t, "href")
	}
}

func (w *textWriter) shut(t html.Token) {
	switch t.DataAtom {
	case atom.A:
		if strings.HasPrefix(w.target, "http") && !strings.HasSuffix(w.line.String(), w.target) {
			w.words(" (" + w.target + ")")
		}
		w.target = ""
	case atom.Tr, atom.Div, atom.Li:
		w.end(0)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table:
		w.end(1)
	}
}

// end closes the line, and leaves blank ones after it, never two in a row.
func (w *textWriter) end(blank int) {
	if w.line.Len() > 0 {
		w.lines = append(w.lines, w.line.String())
		w.line.Reset()
	}
	w.gap = false
	if n := len(w.lines); blank > 0 && n > 0 && w.lines[n-1] != "" {
		w.lines = append(w.lines, "")
	}
}

func (w *textWriter) text() string {
	w.end(0)
	return strings.Trim(strings.Join(w.lines, "\n"), "\n")
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
