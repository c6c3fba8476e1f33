package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// recipientID names a recipient whom only an address is known of: the first 32
// hex digits of the address' SHA-256, as `printf %s ADDRESS | sha256sum` has
// it. The same address is the same recipient, so dedupe and order hold.
func recipientID(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:16])
}

// setAddress puts an address into the field that its form asks for.
func setAddress(to *carillonv1.Recipient, address string) error {
	field, err := addressField(to, address)
	if err != nil {
		return err
	}
	if *field != "" {
		return usagef("--to %s: the recipient has an address of that kind already; give one of each", address)
	}
	*field = address
	return nil
}

func addressField(to *carillonv1.Recipient, address string) (*string, error) {
	switch lower := strings.ToLower(address); {
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
		return &to.Webhook, nil
	case strings.HasPrefix(address, "+"):
		return &to.Phone, nil
	case strings.Contains(address, "@"):
		return &to.Email, nil
	}
	return nil, usagef("--to %q is no address: give ana@example.com, +351912345678 or https://example.com/hook; "+
		"a channel that needs no address takes --recipient alone", address)
}
