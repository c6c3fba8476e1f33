package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// devMode is what dev mode has around its engine.
type devMode struct {
	flags devFlags
	cfg   *config.Config
	inbox *inbox
}

// prepareDev finds the addresses, starts the two servers that take what is
// sent, and makes the configuration.
func prepareDev(cmd *cobra.Command, f *devFlags) (*devMode, error) {
	var err error
	if f.broker, err = pickAddr("--broker", f.broker); err != nil {
		return nil, err
	}
	if f.http, err = pickAddr("--http", f.http); err != nil {
		return nil, err
	}
	full, err := makeDir(f.data)
	if err != nil {
		return nil, err
	}
	keyFile, key, err := devKey(full, "webhook-signing-key", "whsec_", "signs webhooks")
	if err != nil {
		return nil, err
	}
	hashFile, _, err := devKey(full, "suppression-key", "", "hashes what is suppressed")
	if err != nil {
		return nil, err
	}
	set := cmd.Flags().Changed
	box := &inbox{}
	box.mail, err = listening("--smtp", f.smtp, !set("smtp"), func(addr string) (*emailsim.Server, error) {
		return emailsim.Start(addr, emailsim.Options{SMTPUTF8: true})
	})
	if err != nil {
		return nil, err
	}
	box.webhooks, err = listening("--webhook", f.webhook, !set("webhook"), func(addr string) (*webhooksim.Server, error) {
		return webhooksim.Start(addr, webhooksim.Options{Keys: []string{key}})
	})
	if err != nil {
		box.close()
		return nil, err
	}
	cfg := devConfig(*f, box.mail.Addr(), keyFile)
	cfg.Suppression.Key = config.SecretRef("file:" + hashFile)
	return &devMode{flags: *f, cfg: cfg, inbox: box}, cfg.Validate()
}

// listening starts a server, on any free port where its own is in use and
// nobody asked for that one.
func listening[S any](flag, addr string, anyPort bool, start func(addr string) (S, error)) (S, error) {
	s, err := start(addr)
	if isInUse(err) && anyPort {
		s, err = start("127.0.0.1:0")
	}
	if err == nil {
		return s, nil
	}
	if _, why := pickAddr(flag, addr); why != nil { // in plainer words
		err = why
	}
	return s, err
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// devConfig is configs/dev.yaml with the addresses of this run.
func devConfig(f devFlags, smtp, keyFile string) *config.Config {
	host, port, _ := net.SplitHostPort(smtp) // a listener's
	portNumber, _ := strconv.Atoi(port)
	cfg := config.Default()
	cfg.Kafka.Brokers = []string{f.broker}
	cfg.Kafka.Topics.Partitions = 4
	cfg.Data, cfg.HTTP.Listen = f.data, f.http
	cfg.Log.Format = "console"
	cfg.Engine.DrainTimeout = 5 * time.Second
	cfg.Channels = map[string]config.Channel{
		"email": devChannel(map[string]any{
			"host": host, "port": portNumber, "tls": map[string]any{"mode": "none"},
			"from": map[string]any{"address": "carillon@example.com", "name": "Carillon"},
		}, nil),
		"webhook": devChannel(map[string]any{"allow_http": true, "allow_private": true},
			map[string]config.SecretRef{"signing_key": config.SecretRef("file:" + keyFile)}),
		"sink": devChannel(nil, nil),
	}
	cfg.Complete()
	return cfg
}

func devChannel(settings map[string]any, secrets map[string]config.SecretRef) config.Channel {
	ch, account := config.DefaultChannel(), config.DefaultAccount()
	account.Settings, account.Secrets = settings, secrets
	ch.Accounts = map[string]config.Account{"local": account}
	return ch
}

// devKey returns a key that is made at the first start: 32 random bytes in base64,
// behind a prefix. With that of "whsec_" it is a key of Standard Webhooks.
func devKey(data, name, prefix, what string) (file, key string, err error) {
	file = filepath.Join(data, name)
	if text, err := os.ReadFile(file); err == nil {
		return file, string(text), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("read the key that %s: %w; delete the file, and a new one is made", what, err)
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand says so
	key = prefix + base64.StdEncoding.EncodeToString(secret[:])
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		return "", "", fmt.Errorf("keep the key that %s: %w; name another directory with --data", what, err)
	}
	return file, key, nil
}

// awaitListener waits until somebody listens at addr, and returns whether that
// was before ctx ended.
func awaitListener(ctx context.Context, addr string) bool {
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}
