package email

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
)

const (
	longestReplyLine = 4096 // RFC 5321 section 4.5.3.1.5 says 512; be lenient
	mostReplyLines   = 128
)

var errBadReply = errors.New("the server's answer is not SMTP")

// reply is a server's answer.
type reply struct {
	code int
	// enhanced is the status code of RFC 3463 ("5.1.1"). Empty where there is
	// none, where it contradicts code, and where it says nothing (5.0.0).
	enhanced string
	// text is for this package's eyes: it may show the recipient's address.
	text string
}

// status is the code that a verdict carries.
func (r reply) status() string {
	if r.enhanced != "" {
		return r.enhanced
	}
	return strconv.Itoa(r.code)
}

// readReply reads one reply of any number of lines (RFC 5321 section 4.2).
func readReply(in *bufio.Reader) (reply, error) {
	var r reply
	var lines []string
	for range mostReplyLines {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return r, errBadReply
		}
		if err != nil {
			return r, err
		}
		line = bytes.TrimRight(line, "\r\n")
		code, text, more, ok := splitReply(string(line))
		if !ok || len(lines) > 0 && code != r.code {
			return r, errBadReply
		}
		enhanced, text := cutEnhanced(code, text)
		if enhanced != "" {
			r.enhanced = enhanced
		}
		r.code = code
		lines = append(lines, text)
		if !more {
			r.text = strings.Join(lines, "\n")
			return r, nil
		}
	}
	return r, errBadReply
}

func splitReply(line string) (code int, text string, more, ok bool) {
	if len(line) < 3 {
		return 0, "", false, false
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 200 || code > 599 {
		return 0, "", false, false
	}
	if len(line) == 3 {
		return code, "", false, true
	}
	return code, line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// cutEnhanced takes "5.1.1" off the front of the text (RFC 2034).
func cutEnhanced(code int, text string) (enhanced, rest string) {
	word, after, _ := strings.Cut(text, " ")
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, _ := strings.Cut(rest, ".")
	if len(class) != 1 || !number(class) || !number(subject) || !number(detail) {
		return "", text
	}
	if int(class[0]-'0') != code/100 || subject == "0" && detail == "0" {
		return "", after
	}
	return word, after
}

// number says whether s is 0 to 999 without leading zeros.
func number(s string) bool {
	return len(s) >= 1 && len(s) <= 3 && (s[0] != '0' || len(s) == 1) && strings.Trim(s, "0123456789") == ""
}
