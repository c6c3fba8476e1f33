package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newDevInbox() *cobra.Command {
	var addr string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Show what arrived in dev mode's mailbox and webhook receiver",
		Long: `Show what arrived at the mail server and the webhook receiver of a running
"carillon dev", the oldest first. It keeps the latest thousand of each, in
memory. The same is to be seen in a browser, at the address that dev mode
prints.`,
		Example: `  carillon dev inbox
  carillon dev inbox --json | jq '.mail[-1].text'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := fetchInbox(cmd, addr)
			if err != nil {
				return err
			}
			if asJSON {
				_, err := cmd.OutOrStdout().Write(body)
				return err
			}
			var all arrived
			if err := json.Unmarshal(body, &all); err != nil {
				return fmt.Errorf("read the inbox at %s: %w; is that `carillon dev`, and of this version?", addr, err)
			}
			printInbox(cmd.OutOrStdout(), all)
			return nil
		},
	}
	cmd.Flags().StringVar(&addr, "http", "127.0.0.1:8080", "the --http address of the running dev mode")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func fetchInbox(cmd *cobra.Command, addr string) ([]byte, error) {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+addr+"/inbox", nil)
	if err != nil {
		return nil, usagef("--http %q is no address: give it as HOST:PORT", addr)
	}
	client := http.Client{Timeout: connectTimeout}
	res, err := client.Do(req)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, which the sentence has
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for the inbox: %w; is `carillon dev` running? --http names its address", addr, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s has no inbox (%s): that is not `carillon dev`; --http names its address", addr, res.Status)
	}
	return io.ReadAll(res.Body)
}

func printInbox(w io.Writer, all arrived) {
	if len(all.Mail)+len(all.Webhooks) == 0 {
		fmt.Fprintln(w, "Nothing has arrived yet.")
	}
	for _, m := range all.Mail {
		fmt.Fprintf(w, "%s  mail     to %s  from %s\n", m.At.Local().Format(time.TimeOnly), strings.Join(m.To, ", "), m.From)
		fmt.Fprintf(w, "  Subject: %s\n", m.Subject)
		fmt.Fprintf(w, "%s\n", indent(m.Text))
	}
	for _, m := range all.Webhooks {
		signed := "signature verified"
		if !m.Verified {
			signed = "signature is wrong"
		}
		fmt.Fprintf(w, "%s  webhook  %s  answered %d, %s\n", m.At.Local().Format(time.TimeOnly), m.Path, m.Status, signed)
		fmt.Fprintf(w, "%s\n", indent(string(m.Body)))
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\n", "\n  ")
}
