package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/host"
)

const holdEnv = "E2E_HOLD"

// holder is a process of its own that starts a plugin, prints the plugin's process
// id and waits to be killed.
func holder(spec host.Spec) (*exec.Cmd, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("write the plugin's specification: %w", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+string(text))
	return cmd, nil
}

// holdIfAsked is the holder's main function. It does not return there.
func holdIfAsked() {
	text := os.Getenv(holdEnv)
	if text == "" {
		return
	}
	var spec host.Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := host.New(spec, host.Config{}, zerolog.New(os.Stderr))
	go func() {
		<-p.Ready()
		fmt.Println(p.State().PID)
	}()
	if err := p.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}
