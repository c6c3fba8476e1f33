package send

import (
	"net/url"
	"strconv"
	"strings"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// maxChat bounds a chat id, in bytes.
const maxChat = 256

// Address returns the recipient's address of an address kind as channels
// declare it (channel.v1 DescribeResponse.address_kind): "email", "phone",
// "webhook", "recipient", "push.<platform>" or "chat.<name>". Of several push
// tokens of a platform it is the first. ok is false where the recipient has
// none. CheckAddress says whether it can be one.
func Address(to *carillonv1.Recipient, kind string) (a *channelv1.Address, ok bool) {
	a = &channelv1.Address{}
	if !AddressInto(a, to, kind) {
		return nil, false
	}
	return a, true
}

// AddressInto is Address without an allocation: a is overwritten where the
// recipient has an address of the kind, which it says.
func AddressInto(a *channelv1.Address, to *carillonv1.Recipient, kind string) bool {
	if platform, is := strings.CutPrefix(kind, "push."); is {
		for _, t := range to.GetPush() {
			if t.GetPlatform() == platform && t.Token != "" {
				*a = channelv1.Address{Value: t.Token, P256Dh: t.P256Dh, Auth: t.Auth}
				return true
			}
		}
		return false
	}
	value := addressOf(to, kind)
	if value == "" {
		return false
	}
	*a = channelv1.Address{Value: value}
	return true
}

func addressOf(to *carillonv1.Recipient, kind string) string {
	switch kind {
	case "email":
		return to.GetEmail()
	case "phone":
		return to.GetPhone()
	case "webhook":
		return to.GetWebhook()
	case "recipient":
		return to.GetId()
	}
	if name, is := strings.CutPrefix(kind, "chat."); is {
		for _, p := range to.GetChat() {
			if p.GetKey() == name {
				return p.Value
			}
		}
	}
	return ""
}

// CheckAddress checks the syntax of an address of a kind (see Address), not
// whether anybody is there. An error is an *Invalid of code bad_value, without
// a path. A kind that is not known here takes any single line of at most 4 KiB.
func CheckAddress(kind, value string) error {
	var p place
	line := rule{required: true, max: 4096}
	line.apply(&p, value)
	if p.err != nil {
		return &Invalid{Code: CodeBadValue, Detail: p.err.Detail}
	}
	if expected := addressFault(kind, value); expected != "" {
		return &Invalid{Code: CodeBadValue, Detail: "expected " + expected}
	}
	return nil
}

// addressFault returns what was expected, or "" where the address is one.
func addressFault(kind, value string) string {
	valid, expected := true, ""
	switch kind {
	case "email":
		valid, expected = isMailbox(value), "an RFC 5321 mailbox: local-part@domain"
	case "phone":
		valid, expected = isE164(value), "an E.164 number: + and 7 to 15 digits"
	case "webhook":
		valid, expected = isWebURL(value, "http", "https"), "an http or https URL with a host and without user info"
	case "push.apns":
		valid, expected = isAPNs(value), "an APNs device token: 64 to 200 hex digits"
	case "push.fcm":
		valid, expected = isFCM(value), "an FCM registration token: 100 to 4096 letters, digits, `_`, `:` and `-`"
	case "push.webpush":
		valid, expected = len(value) <= 2048 && isWebURL(value, "https"), "an https URL of at most 2 KiB"
	case "push.huawei":
		valid, expected = isPrintable(value), "a push token"
	case "recipient":
		valid, expected = len(value) <= 128, "at most 128 bytes"
	default:
		if strings.HasPrefix(kind, "chat.") {
			valid, expected = len(value) <= maxChat, "at most "+strconv.Itoa(maxChat)+" bytes"
		}
	}
	if valid {
		return ""
	}
	return expected
}

// isE164 takes what ITU-T E.164 allows: a country code, which never begins with
// 0, and up to 15 digits in all. Nothing shorter than 7 can be dialled from
// abroad.
func isE164(v string) bool {
	if len(v) < 8 || len(v) > 16 || v[0] != '+' || v[1] == '0' {
		return false
	}
	for i := 1; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return true
}

func isWebURL(v string, schemes ...string) bool {
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(v, " \\") {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	for _, s := range schemes {
		if u.Scheme == s {
			return true
		}
	}
	return false
}

func isAPNs(v string) bool {
	return len(v) >= 64 && len(v) <= 200 && len(v)%2 == 0 && isLowerHex(strings.ToLower(v))
}

func isFCM(v string) bool {
	if len(v) < 100 || len(v) > 4096 {
		return false
	}
	for i := range len(v) {
		if c := v[i]; !isAlphanumeric(c) && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return true
}
