package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Whatever is wrong with a record: it ends in `invalid` with reason, place and
// its bytes, or in an outcome with a reason, and the partition moves on.
func TestBadInput(t *testing.T) {
	bodyOf := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name, key, value string
		headers          []string
		invalid          string // reason and path
		outcome          string // state class code, of the send with id "bad"
	}{
		{name: "not JSON", key: "u1", value: `{"id":`, invalid: "not_json id"},
		{name: "a word that is no JSON", key: "u1", value: "nope", invalid: "not_json "},
		{name: "no value at all", key: "u1", value: "", invalid: "empty "},
		{name: "a number for a string", key: "u1", value: `{"id":7,"app":"shop","to":{"id":"u1"}}`, invalid: "wrong_type id"},
		{name: "no recipient", key: "u1", value: `{"id":"bad","app":"shop","channels":["sink"]}`, invalid: "missing to"},
		{name: "a recipient without id", key: "u1", value: `{"id":"bad","app":"shop","to":{"email":"a@example.com"},"channels":["sink"]}`, invalid: "missing to.id"},
		{name: "no id", key: "u1", value: `{"app":"shop","to":{"id":"u1"},"channels":["sink"]}`, invalid: "missing id"},
		{name: "10 MiB of body", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1"},"content":{"body":"` + bodyOf(10<<20) + `"}}`, invalid: "too_large "},
		{name: "nested 10,000 deep", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1"},"data":` + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000) + `}`, invalid: "too_deep data"},
		{name: "invalid UTF-8", key: "u1", value: "{\"id\":\"bad\",\"app\":\"shop\",\"to\":{\"id\":\"u1\xff\"}}", invalid: "invalid_utf8 "},
		{name: "a line break in a header field", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1"},"channels":["sink"],"content":{"title":"a\r\nBcc: b@example.com"}}`, invalid: "control_character content.title"},
		{name: "a format that is not spoken", key: "u1", value: minimal("bad"), headers: []string{"content-type", "text/xml"}, invalid: "unknown_format content-type"},
		{name: "a zone that does not exist", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1","timeZone":"Mars/Base"},"channels":["sink"]}`, invalid: "bad_value to.timeZone"},

		{name: "an unknown channel", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1"},"channels":["pigeon"],"content":{"body":"B"}}`, outcome: "rejected route unknown_channel"},
		{name: "no channel", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1"},"content":{"body":"B"}}`, outcome: "rejected route no_channel"},
		{name: "a channel with no account for the app", key: "u1", value: `{"id":"bad","app":"shop","to":{"id":"u1","email":"a@example.com"},"channels":["email"],"content":{"body":"B"}}`, outcome: "rejected route no_account"},
		{name: "no address", key: "u1", value: `{"id":"bad","app":"bank","to":{"id":"u1"},"channels":["email"],"content":{"body":"B"}}`, outcome: "rejected recipient no_address"},
		{name: "an address that can't be one", key: "u1", value: `{"id":"bad","app":"bank","to":{"id":"u1","email":"nobody"},"channels":["email"],"content":{"body":"B"}}`, outcome: "rejected recipient bad_address"},
		{name: "an expired send", key: "u1", value: strings.Replace(minimal("bad"), `{`, `{"expiresAt":"2020-01-01T00:00:00Z",`, 1), outcome: "expired time past_expiry"},
		{name: "no key: it is forwarded", key: "", value: minimal("bad"), outcome: "sent  "},
		{name: "unknown fields are let through", key: "u1", value: strings.Replace(minimal("bad"), `{`, `{"expiresat":1,"future":{"a":[1]},`, 1), outcome: "sent  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := badInputRig(t)
			bad := record(c.key, c.value, c.headers...)
			r.publish(bad, record("u1", minimal("next")))
			if c.invalid != "" {
				r.wantInvalid(c.invalid, bad)
			}
			want := 1
			if c.outcome != "" {
				want++
			}
			all := r.statuses(untilOutcomes(want))
			if outcomes(all)["next"]["sent"] != 1 {
				t.Error("the send behind it was not sent")
			}
			for _, s := range all {
				if s.Id != "bad" || s.Kind != carillonv1.Kind_KIND_OUTCOME {
					continue
				}
				got := send.StateName(s.Status) + " " + s.Reason.GetClass() + " " + s.Reason.GetCode()
				if got != c.outcome {
					t.Errorf("outcome %q, want %q", got, c.outcome)
				}
			}
		})
	}
}

// badInputRig has an email channel that serves one app alone, and topics that
// let through what the engine will not.
func badInputRig(t *testing.T) *rig {
	r := newRig(t)
	r.cfg.Kafka.Topics.Partitions = 1
	email := config.DefaultChannel()
	acct := config.DefaultAccount()
	acct.Apps = []string{"bank"}
	acct.Settings = map[string]any{"host": "127.0.0.1", "port": 9, "tls": map[string]any{"mode": "none"}, "from": map[string]any{"address": "news@example.com"}}
	email.Accounts = map[string]config.Account{"default": acct}
	r.cfg.Channels["email"] = email
	r.cfg.Limits.Record = 8 << 20 // so that the topics take 16 MiB
	r.start()
	return r
}

func (r *rig) wantInvalid(want string, sent *kgo.Record) {
	r.t.Helper()
	r.read(r.cfg.Topic("invalid"), func(rec *kgo.Record) bool {
		headers := map[string]string{}
		for _, h := range rec.Headers {
			headers[h.Key] = string(h.Value)
		}
		if got := headers["carillon-reason"] + " " + headers["carillon-path"]; got != want {
			r.t.Errorf("invalid: %q, want %q (%s)", got, want, headers["carillon-detail"])
		}
		place := r.cfg.Topic("sends") + "/0/0"
		if headers["carillon-source"] != place || string(rec.Key) != place {
			r.t.Errorf("place %q key %q", headers["carillon-source"], rec.Key)
		}
		if string(rec.Value) != string(sent.Value) || headers["carillon-key"] != string(sent.Key) {
			r.t.Errorf("the original bytes are not there: %d bytes, want %d; key %q", len(rec.Value), len(sent.Value), headers["carillon-key"])
		}
		if time.Since(rec.Timestamp) > time.Hour {
			r.t.Errorf("timestamp %v", rec.Timestamp)
		}
		return true
	})
}
