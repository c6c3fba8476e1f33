package limit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// webhookClient posts messages with fasthttp, each signed as Standard Webhooks
// has it: the request of the channel, and nothing else of it.
type webhookClient struct {
	http *fasthttp.HostClient // which all share, with a connection for each
	mac  hash.Hash
	mould
	req fasthttp.Request
	res fasthttp.Response
	buf []byte
}

func webhookClients(t task, m mould) ([]client, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(t.Key, "whsec_"))
	if err != nil {
		return nil, fmt.Errorf("read the key that webhooks are signed with: %w", err)
	}
	host := &fasthttp.HostClient{Addr: t.Provider, MaxConns: t.Connections, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	clients := make([]client, t.Connections)
	for i := range clients {
		c := &webhookClient{http: host, mac: hmac.New(sha256.New, secret), mould: m.copy()}
		c.req.SetRequestURI("http://" + t.Provider + "/hook")
		c.req.Header.SetMethod(fasthttp.MethodPost)
		c.req.Header.SetContentType("application/json")
		clients[i] = c
	}
	return clients, nil
}

func (c *webhookClient) send(id string) error {
	body, now := c.cast(id), time.Now().Unix()
	c.mac.Reset()
	c.buf = strconv.AppendInt(append(append(c.buf[:0], id...), '.'), now, 10)
	c.mac.Write(append(c.buf, '.'))
	c.mac.Write(body)
	c.buf = base64.StdEncoding.AppendEncode(append(c.buf[:0], "v1,"...), c.mac.Sum(nil))
	c.req.Header.Set("webhook-id", id)
	c.req.Header.Set("webhook-timestamp", strconv.FormatInt(now, 10))
	c.req.Header.SetBytesV("webhook-signature", c.buf)
	c.req.SetBodyRaw(body)
	if err := c.http.Do(&c.req, &c.res); err != nil {
		return fmt.Errorf("post %s: %w", id, err)
	}
	if status := c.res.StatusCode(); status != fasthttp.StatusNoContent {
		return fmt.Errorf("post %s: the answer is %d", id, status)
	}
	return nil
}
