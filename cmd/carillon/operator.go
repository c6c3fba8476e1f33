package main

import (
	"os"
	"os/user"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// operator is who decides something, and why: what the audit keeps of it.
type operator struct{ by, reason string }

func (o *operator) addFlags(cmd *cobra.Command, reason string) {
	cmd.Flags().StringVar(&o.by, "by", "", "who decides, for the audit (default: the user of this machine)")
	cmd.Flags().StringVar(&o.reason, "reason", "", reason)
}

// mostSaid bounds what is kept of a text, in bytes.
const mostSaid = 1000

func (o *operator) check() error {
	if o.by == "" {
		o.by = thisUser()
	}
	for flag, text := range map[string]string{"--by": o.by, "--reason": o.reason} {
		if len(text) > mostSaid || !utf8.ValidString(text) {
			return usagef("%s must be a text of at most %d bytes", flag, mostSaid)
		}
	}
	return nil
}

// record begins a record of the topic `control`.
func (o *operator) record() *controlv1.Record {
	return &controlv1.Record{By: o.by, Reason: o.reason, AtMs: time.Now().UnixMilli()}
}

// thisUser is the user's name, or the number where it has none, as in many
// containers.
func thisUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
