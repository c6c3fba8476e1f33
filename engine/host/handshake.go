package host

import (
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"

	"github.com/carillonhq/carillon/sdk/wire"
)

// maxHandshake bounds the line that a plugin prints first; its certificate is
// most of it.
const maxHandshake = 16 << 10

// refuseHandshake says what is wrong with the first line that a plugin printed
// on its standard output, or "". The line is
//
//	CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE
//
// (go-plugin, docs/guide-plugin-write-non-go.md), with the certificate as
// AutoMTLS has it.
func refuseHandshake(line string, clean func(string) string) string {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 4 || parts[0] != strconv.Itoa(plugin.CoreProtocolVersion) {
		shown := clean(line)
		if len(shown) > 80 {
			shown = strings.ToValidUTF8(shown[:80], "") + "…"
		}
		return "is no Carillon plugin: it prints " + strconv.Quote(shown) + " where the handshake should be; check the path and the arguments"
	}
	if parts[1] != strconv.Itoa(wire.Version) {
		return "speaks version " + clean(parts[1]) + " of the plugin protocol, this carillon speaks " +
			strconv.Itoa(wire.Version) + "; install a build of the plugin for it"
	}
	if len(parts) < 5 || parts[4] != string(plugin.ProtocolGRPC) {
		return "does not speak gRPC; rebuild it with a plugin SDK that does"
	}
	if len(parts) < 6 || parts[5] == "" {
		return "gives no certificate, and a plugin is only talked to over mutual TLS; rebuild it with an SDK that supports go-plugin's AutoMTLS"
	}
	return ""
}
