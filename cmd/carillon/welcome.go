package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/carillonhq/carillon/engine/config"
)

var welcomeText = template.Must(template.New("").Parse(`
{{.Ready}} Its broker is a fake, for development only.

  Inbox         http://{{.HTTP}}/   what arrived; also: {{.Me}} dev inbox{{.HTTPFlag}}
  Kafka         {{.Broker}}   topics carillon.sends, carillon.sends.bulk, carillon.status
  Mail server   {{.SMTP}}   takes all, delivers nothing
  Webhooks      {{.Webhook}}
  Metrics       http://{{.HTTP}}/metrics
  Data          {{.Data}}   delete it to begin anew

Try in another terminal:

  {{.Me}} send{{.BrokerFlag}} --channel email --to ana@example.com --title Hi --text "Olá" --wait
  {{.Me}} send{{.BrokerFlag}} --channel webhook --to {{.Webhook}} --text "Hello" --wait
  {{.Me}} dev inbox{{.HTTPFlag}}

Any Kafka client will do:

  echo '{"id":"k1","app":"shop","to":{"id":"u1","email":"u1@example.com"},"channels":["email"],"content":{"title":"T","body":"B"}}' |
    kcat -P -b {{.Broker}} -t carillon.sends -k u1 -X partitioner=murmur2_random

Ctrl-C stops it.

`))

// welcome tells what runs where and what to try, in commands to copy.
func (d *devMode) welcome(w io.Writer) {
	def := config.Default()
	_ = welcomeText.Execute(w, map[string]string{ // to a terminal: nobody to tell
		"Ready": paint(w, bold, "Carillon dev is ready."),
		"Me":    thisCommand(), "Data": d.flags.data,
		"HTTP": d.flags.http, "HTTPFlag": flagUnless(" --http ", d.flags.http, def.HTTP.Listen),
		"Broker": d.flags.broker, "BrokerFlag": flagUnless(" --brokers ", d.flags.broker, def.Kafka.Brokers[0]),
		"SMTP": d.inbox.mail.Addr(), "Webhook": d.inbox.webhooks.URL(),
	})
}

func flagUnless(flag, value, usual string) string {
	if value == usual {
		return ""
	}
	return flag + value
}

// thisCommand is how this binary was started, for commands to copy.
func thisCommand() string {
	if path, err := os.Executable(); err == nil && strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/carillon"
	}
	return os.Args[0]
}
