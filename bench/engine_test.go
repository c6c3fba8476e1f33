package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
)

// serveEngine is the engine's process, as `carillon run --config` is.
func serveEngine(path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(cfg.Log.Level)
	if err != nil {
		return err
	}
	ctx, ready := asChild()
	e := engine.New(cfg, zerolog.New(os.Stderr).Level(level).With().Timestamp().Logger())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-e.Ready():
			ready()
		case <-ctx.Done():
		}
	}()
	return e.Run(ctx)
}

// shippedConfig is what the engine is measured with.
const shippedConfig = "../configs/bench.yaml"

// writeConfig writes the shipped configuration with the round's own places to
// dir, and returns it and its path.
func writeConfig(dir, addr, group string, reserve int) (*config.Config, string, error) {
	text, err := os.ReadFile(shippedConfig)
	if err != nil {
		return nil, "", err
	}
	var m map[string]any
	if err := yaml.Unmarshal(text, &m); err != nil {
		return nil, "", err
	}
	listen, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	in := func(keys ...string) map[string]any {
		at := m
		for _, k := range keys {
			next, ok := at[k].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[k] = next
			}
			at = next
		}
		return at
	}
	in("kafka")["brokers"] = []string{addr}
	in("kafka")["group"] = group
	m["data"] = filepath.Join(dir, "data")
	in("http")["listen"] = listen
	if reserve > 0 {
		in("engine")["reserve"] = reserve
	}
	in("channels", "sink", "accounts", "main", "settings")["ledger"] = ledgerOf(dir)
	if text, err = yaml.Marshal(m); err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "carillon.yaml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return nil, "", err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, "", fmt.Errorf("the bench's configuration: %w", err)
	}
	return cfg, path, nil
}

func ledgerOf(dir string) string { return filepath.Join(dir, "sink.ledger") }

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
