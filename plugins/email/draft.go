package email

import (
	"bytes"
	"mime"
	"mime/quotedprintable"
)

// softLine is where a header is folded, if it can be (RFC 5322 section 2.1.1).
const softLine = 76

// draft is a mail that is being written. It is written by hand, since what a
// mail library allocates for one mail costs as much as sending it.
type draft struct{ bytes.Buffer }

// field writes a header that is ASCII already, folded before single blanks.
func (d *draft) field(name, value string) {
	d.WriteString(name)
	d.WriteString(": ")
	from, room := 0, softLine-len(name)-2
	for space := -1; len(value)-from > room; space = -1 {
		for i := from + 1; i < len(value)-1; i++ {
			// A line of blanks alone would end the headers for some readers.
			if value[i] == ' ' && value[i-1] > ' ' && value[i+1] > ' ' {
				if space >= 0 && i-from > room {
					break
				}
				space = i
			}
		}
		if space < 0 {
			break
		}
		d.WriteString(value[from:space])
		d.WriteString("\r\n")
		from, room = space, softLine
	}
	d.WriteString(value[from:])
	d.WriteString("\r\n")
}

// text writes a header of any text, in encoded words where it needs them (RFC
// 2047).
func (d *draft) text(name, value string) { d.field(name, mime.QEncoding.Encode("UTF-8", value)) }

// alternatives writes the body: the text, and the page beside it unless that is
// empty.
func (d *draft) alternatives(text, page, token string) {
	if page == "" {
		d.part("text/plain", text)
		return
	}
	// Quoted-printable has no "=_", so no text can hold the boundary (RFC 2045
	// section 6.7).
	boundary := "=_carillon_" + token
	d.field("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	d.WriteString("\r\n--" + boundary + "\r\n")
	d.part("text/plain", text)
	d.WriteString("\r\n--" + boundary + "\r\n")
	d.part("text/html", page)
	d.WriteString("\r\n--" + boundary + "--\r\n")
}

func (d *draft) part(kind, text string) {
	d.field("Content-Type", kind+"; charset=UTF-8")
	d.field("Content-Transfer-Encoding", "quoted-printable")
	d.WriteString("\r\n")
	out := quotedprintable.NewWriter(d) // it writes CRLF for LF
	_, _ = out.Write([]byte(text))      // a buffer takes everything
	_ = out.Close()
}
