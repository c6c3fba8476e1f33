package email

import (
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// The secrets of an account.
const (
	secretPassword = "password"
	secretDKIMKey  = "dkim_key"
)

// The ways to protect the line.
const (
	tlsRequired = "starttls"
	tlsOptional = "starttls_optional"
	tlsImplicit = "implicit"
	tlsNone     = "none"
)

// The ways to log in.
const (
	authNone  = "none"
	authPlain = "plain"
	authLogin = "login"
)

// settings is an account's configuration as it is written; schema.json says
// the same for editors.
type settings struct {
	Host string      `json:"host"`
	Port int         `json:"port"`
	TLS  tlsSettings `json:"tls"`
	Auth auth        `json:"auth"`
	// Helo is the name that we greet with; empty is the address literal of our
	// end of the connection (RFC 5321 section 4.1.4).
	Helo            string       `json:"helo"`
	From            mailbox      `json:"from"`
	ReplyTo         string       `json:"reply_to"`
	EnvelopeFrom    string       `json:"envelope_from"`
	MessageIDDomain string       `json:"message_id_domain"`
	ListUnsubscribe unsubscribe  `json:"list_unsubscribe"`
	DKIM            dkimSettings `json:"dkim"`

	Connections           int      `json:"connections"`
	MessagesPerConnection int      `json:"messages_per_connection"`
	Timeouts              timeouts `json:"timeouts"`
}

type tlsSettings struct {
	Mode               string `json:"mode"`
	CAFile             string `json:"ca_file"`
	ServerName         string `json:"server_name"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify"`
}

type auth struct {
	Mechanism string `json:"mechanism"`
	Username  string `json:"username"`
}

type mailbox struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// unsubscribe holds templates with {id}, {recipient}, {app} and {campaign}.
type unsubscribe struct {
	URL      string `json:"url"`
	Mailto   string `json:"mailto"`
	OneClick bool   `json:"one_click"`
}

type dkimSettings struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
}

type timeouts struct {
	Connect sdk.Duration `json:"connect"`
	Command sdk.Duration `json:"command"`
	Data    sdk.Duration `json:"data"`
	Answer  sdk.Duration `json:"answer"`
	Idle    sdk.Duration `json:"idle"`
}

// defaults holds the least times of RFC 5321 section 4.5.3.2, which leaves the
// time for connecting open.
func defaults() settings {
	return settings{
		TLS:                   tlsSettings{Mode: tlsRequired},
		Connections:           8,
		MessagesPerConnection: 100,
		Timeouts: timeouts{
			Connect: sdk.Duration(30 * time.Second),
			Command: sdk.Duration(5 * time.Minute),
			Data:    sdk.Duration(3 * time.Minute),
			Answer:  sdk.Duration(answerWait),
			Idle:    sdk.Duration(30 * time.Second),
		},
	}
}

// readSettings decodes the settings over the defaults, and fills in what
// depends on other settings.
func readSettings(a sdk.AccountConfig) (settings, error) {
	s := defaults()
	if err := a.Decode(&s); err != nil {
		return s, err
	}
	if s.Port == 0 {
		s.Port = map[string]int{tlsImplicit: 465, tlsNone: 25}[s.TLS.Mode]
		if s.Port == 0 {
			s.Port = 587
		}
	}
	if s.Auth.Mechanism == "" {
		s.Auth.Mechanism = authNone
		if s.Auth.Username != "" {
			s.Auth.Mechanism = authPlain
		}
	}
	if s.EnvelopeFrom == "" {
		s.EnvelopeFrom = s.From.Address
	}
	if s.TLS.ServerName == "" {
		s.TLS.ServerName = s.Host
	}
	return s, nil
}
