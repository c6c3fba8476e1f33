package email

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadReply(t *testing.T) {
	for _, x := range []struct {
		name, in string
		want     reply
		bad      bool
	}{
		{name: "one line", in: "250 2.1.5 Ok\r\n", want: reply{250, "2.1.5", "Ok"}},
		{name: "no text", in: "250\r\n", want: reply{250, "", ""}},
		{name: "several lines", in: "550-5.1.1 No such\r\n550 5.1.1 user\r\n", want: reply{550, "5.1.1", "No such\nuser"}},
		{name: "the enhanced code on the first line alone", in: "550-5.1.1 No such\r\n550 user\r\n", want: reply{550, "5.1.1", "No such\nuser"}},
		{name: "X.0.0 says nothing", in: "550 5.0.0 no\r\n", want: reply{550, "", "no"}},
		{name: "a class that contradicts the code", in: "550 4.1.1 no\r\n", want: reply{550, "", "no"}},
		{name: "an IP address is no enhanced code", in: "550 5.1.1.7 is listed\r\n", want: reply{550, "", "5.1.1.7 is listed"}},
		{name: "three digits", in: "550 5.7.515 denied\r\n", want: reply{550, "5.7.515", "denied"}},
		{name: "bare LF", in: "250 Ok\n", want: reply{250, "", "Ok"}},
		{name: "codes that differ", in: "250-a\r\n251 b\r\n", bad: true},
		{name: "not SMTP", in: "HTTP/1.1 400 Bad Request\r\n", bad: true},
		{name: "a code out of range", in: "999 no\r\n", bad: true},
		{name: "cut off", in: "250-a\r\n", bad: true},
		{name: "a line without end", in: "250 " + strings.Repeat("a", 5000), bad: true},
		{name: "lines without end", in: strings.Repeat("250-a\r\n", 500), bad: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, err := readReply(bufio.NewReaderSize(strings.NewReader(x.in), longestReplyLine))
			if (err != nil) != x.bad {
				t.Fatalf("error %v, want one: %v", err, x.bad)
			}
			if err == nil && got != x.want {
				t.Errorf("%+v, want %+v", got, x.want)
			}
		})
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add("250-2.0.0 a\r\n250 b\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(in), longestReplyLine))
		if err == nil && (r.code < 200 || r.code > 599 || len(r.status()) > 9) {
			t.Errorf("%q is read as %+v", in, r)
		}
	})
}

func TestQueueID(t *testing.T) {
	for text, want := range map[string]string{
		"Ok: queued as 4XyZ1k2":                                                                 "4XyZ1k2",          // Postfix
		"OK id=1q2w3E-0004Yv-7k":                                                                "1q2w3E-0004Yv-7k", // Exim
		"3B7Kp1Qx012345 Message accepted for delivery":                                          "3B7Kp1Qx012345",   // Sendmail
		"a1b2c3d4 Message accepted for delivery":                                                "a1b2c3d4",         // OpenSMTPD
		"OK  1760000000 d2e1a72fcca58-6c4c1d9si123b3a.42 - gsmtp":                               "d2e1a72fcca58-6c4c1d9si123b3a.42",
		"<m1@news.example> [InternalId=12345678, Hostname=mx.example] Queued mail for delivery": "12345678",
		"Ok 010001890c0e1e3c-2f9d3e-000000":                                                     "010001890c0e1e3c-2f9d3e-000000", // Amazon SES
		"Accepted [a1b2c3d4e5]":                                                                 "a1b2c3d4e5",                     // some other
		"Ok":                                                                                    "",
		"Thank you":                                                                             "",
		"Message accepted for alice1@example.com":                                               "", // never an address
	} {
		if got := queueID(text); got != want {
			t.Errorf("queueID(%q) = %q, want %q", text, got, want)
		}
	}
}
