package rig

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/carillonhq/carillon/configs"
	"github.com/carillonhq/carillon/engine/config"
)

// Config is a node's configuration as YAML has it.
type Config map[string]any

// shipped returns configs/bench.yaml.
func shipped() (Config, error) {
	c := Config{}
	if err := yaml.Unmarshal(configs.Bench, &c); err != nil {
		return nil, fmt.Errorf("read configs/bench.yaml: %w", err)
	}
	return c, nil
}

// Set sets the value at a path, such as Set(4096, "engine", "window").
func (c Config) Set(value any, path ...string) {
	at := map[string]any(c)
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	at[path[len(path)-1]] = value
}

// parse returns the configuration as the engine reads it, and its text.
func (c Config) parse(name string) (*config.Config, []byte, error) {
	text, err := yaml.Marshal(map[string]any(c))
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Parse(text, name)
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration of a node: %w", err)
	}
	return cfg, text, nil
}
