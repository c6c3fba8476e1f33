package limit

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/webhook"
	"github.com/carillonhq/carillon/sdk"
)

// The channels that have a simulator, and clients to be compared with.
const (
	Email   = "email"
	Webhook = "webhook"
)

// channels are those, as their plugins' processes have them.
var channels = map[string]func() sdk.Channel{Email: email.New, Webhook: webhook.New}

// Channels returns their names.
func Channels() []string { return []string{Email, Webhook} }

// Connections returns how many a channel has to its provider where nothing is
// said: its plugin's default.
func Connections(channel string) int {
	return map[string]int{Email: 8, Webhook: 64}[channel]
}

// ChannelKinds returns what can take part in a comparison of a channel, in the
// order in which it is shown: postfix's smtp-source only where it is installed.
func ChannelKinds(channel string) []string {
	kinds := []string{Engine, Bare}
	if _, err := smtpSource(); channel == Email && err == nil {
		kinds = append(kinds, SMTPSource)
	}
	return kinds
}

// provider is a channel's, and how one gets to it.
type provider struct {
	channel     string
	connections int
	addr        string // where its simulator listens
	key         string // that webhooks are signed with, and keyFile holds
	keyFile     string
}

func newProvider(c ChannelConfig) (*provider, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	p := &provider{
		channel: c.Channel, connections: c.Connections, addr: addr,
		key: "whsec_" + base64.StdEncoding.EncodeToString(secret), keyFile: filepath.Join(c.Dir, "signing-key"),
	}
	if err := os.WriteFile(p.keyFile, []byte(p.key), 0o600); err != nil {
		return nil, fmt.Errorf("write the key that webhooks are signed with: %w", err)
	}
	return p, nil
}

// url is every recipient's endpoint.
func (p *provider) url() string {
	if p.channel != Webhook {
		return ""
	}
	return "http://" + p.addr + "/hook"
}

// configure makes the channel the only one of a node.
func (p *provider) configure(c rig.Config) {
	account := map[string]any{"settings": settings(p.channel, p.addr, p.connections)}
	if p.channel == Webhook {
		account["secrets"] = map[string]any{"signing_key": "file:" + p.keyFile}
	}
	c.Set(map[string]any{p.channel: map[string]any{
		"on_unknown": "resend", "accounts": map[string]any{"main": account},
	}}, "channels")
}

// settings are those of the channel's account: everything as it is by default,
// but in the clear and to this machine, and a session of SMTP is used until the
// end, as the clients use theirs.
func settings(channel, addr string, connections int) map[string]any {
	if channel == Webhook {
		return map[string]any{"allow_http": true, "allow_private": true, "max_connections_per_host": connections}
	}
	host, port, _ := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	return map[string]any{
		"host": host, "port": number, "tls": map[string]any{"mode": "none"}, "connections": connections,
		"messages_per_connection": 0, "from": map[string]any{"address": "shop@example.com", "name": "The Shop"},
	}
}

// openChannel opens the channel's account in this process, for a few messages.
func openChannel(ctx context.Context, channel, addr, key string) (sdk.Account, error) {
	text, err := json.Marshal(settings(channel, addr, 1))
	if err != nil {
		return nil, err
	}
	cfg := sdk.AccountConfig{Name: "main", Settings: text}
	if channel == Webhook {
		cfg.Secrets = map[string]sdk.Secret{"signing_key": sdk.NewSecret(key)}
	}
	return channels[channel]().Open(ctx, cfg)
}

func list(names []string) string { return strings.Join(names, " or ") }
