package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
)

// EmbeddedName is what the embedded broker is called wherever it is shown.
const EmbeddedName = "kfake (embedded, a fake)"

// StartEmbedded starts kfake in a process of its own, by the command Exe Args,
// which must call Serve. It returns when the broker answers; ctx bounds the
// start, not the life.
func StartEmbedded(ctx context.Context, o Options) (*Broker, error) {
	port, err := o.port()
	if err != nil {
		return nil, err
	}
	exe, env := o.Exe, []string(nil)
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding this program, to start it as a broker: %w", err)
		}
		env = []string{askedEnv + "=1"}
	}
	b := &Broker{
		name:  EmbeddedName,
		addr:  loopback(port),
		dir:   o.Dir,
		grace: 5 * time.Second,
		limit: 20 * time.Second,
	}
	b.start = func() *exec.Cmd {
		cmd := exec.Command(exe, slices.Concat(o.Args, []string{"--data", o.Dir, "--broker", b.addr})...)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
	return b.open(ctx)
}

// port returns the port that was asked for, or a free one.
func (o Options) port() (int, error) {
	if o.Port != 0 {
		return o.Port, nil
	}
	ports, err := FreePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

// Serve runs kfake on addr with its data in dir until ctx ends, and writes its
// state down before it returns. addr is advertised to clients as it is, so it
// takes a host that they can reach, not 0.0.0.0. A directory that another
// broker has open is refused.
//
// Topics are not created by use, as in production. What was acknowledged
// outlives a kill of the process, but not a crash of the machine: writes go to
// the file at once and are synced only when a segment is full and at the end.
// What tells a batch that an idempotent producer repeats does not outlive a
// kill: such a batch is then stored twice.
func Serve(ctx context.Context, dir, addr string, log zerolog.Logger) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the embedded broker's directory: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	cluster, err := kfake.NewCluster(
		kfake.Ports(0), // one broker; listenOn decides where
		kfake.ListenFn(listenOn(addr)),
		kfake.DataDir(dir),
		kfake.ClusterID("carillon-embedded"),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.WithLogger(kfakeLog{log}),
	)
	if err != nil {
		return fmt.Errorf("starting the embedded broker on %s with its data in %s: %w", addr, dir, err)
	}
	if err := forgetSequences(dir); err != nil {
		cluster.Close()
		return err
	}
	log.Info().Str("addr", addr).Msg("embedded broker is ready: a fake of Kafka, for development and tests only")
	<-ctx.Done()
	cluster.Close()
	return nil
}

// forgetSequences removes what kfake has read at its start of the sequence
// numbers of idempotent producers. It writes that file only when it ends in
// good order, so after a kill it would read one that is older than the log,
// and refuse every batch of a producer that lives on as out of order. Without
// the file it takes up the sequence with the first batch it gets.
func forgetSequences(dir string) error {
	err := os.Remove(filepath.Join(dir, "seq_windows.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the embedded broker's old sequence numbers: %w", err)
	}
	return nil
}

// listenOn listens on addr instead of the loopback address that kfake makes up.
func listenOn(addr string) func(network, _ string) (net.Listener, error) {
	return func(network, _ string) (net.Listener, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("%w; give it as HOST:PORT", err)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			return nil, errors.New("clients are told this address and cannot connect to an unspecified host; use 127.0.0.1")
		}
		return net.Listen(network, addr)
	}
}

// kfakeLog passes on what kfake warns of. Below that it logs every request.
type kfakeLog struct{ log zerolog.Logger }

func (l kfakeLog) Logf(level kfake.LogLevel, msg string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error().Msgf(strings.TrimSpace(msg), args...)
	case kfake.LogLevelWarn:
		l.log.Warn().Msgf(strings.TrimSpace(msg), args...)
	}
}
