package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
)

func newHealth() *cobra.Command {
	var file, address string
	var ready bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health [--config FILE | --http ADDRESS]",
		Short: "Ask the node on this machine whether it lives, or is ready",
		Long: `Ask the node of this machine whether it lives (/healthz), or with --ready
whether it has its shards and nothing is wrong (/readyz). It is for where no
other program is at hand that can ask: a container's health check, a script.
The address is that of http.listen in the configuration.

Exit code 0 says yes; 1 says no, with why on the standard error.`,
		Example: `  carillon health --config /etc/carillon/carillon.yaml
  carillon health --http 127.0.0.1:8080 --ready`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" && address != "" {
				return usagef("--config and --http exclude each other: both say where the node listens")
			}
			if address == "" {
				cfg := config.Default()
				if file != "" {
					var err error
					if cfg, err = config.Load(file); err != nil {
						return err
					}
				}
				address = cfg.HTTP.Listen
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			said, err := askNode(ctx, address, path)
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), said)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file of the node")
	cmd.Flags().StringVar(&address, "http", "", "host and port of the node instead")
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it is ready, not only alive")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for the answer")
	return cmd
}

// askNode returns what a node says at a path of its HTTP port; it is an error
// where that is not 200. A node that listens at all of its addresses is asked at
// loopback.
func askNode(ctx context.Context, listen, path string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usagef("%q is no host and port", listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return "", usagef("%q is no host and port", listen)
	}
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req) // no proxy: it is about this machine
	if err != nil {
		return "", fmt.Errorf("ask the node: %w; is it running, and is this its http.listen?", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", req.URL, err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", req.URL, res.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}
