package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// runEngine lets the engine send everything, and checks what came out. during
// runs beside it, is given the address of its HTTP port, and is waited for.
func (r *rig) runEngine(ctx context.Context, during func(addr string) error) (f figures, err error) {
	dir, group, err := r.begin(ctx)
	if err != nil {
		return f, err
	}
	cfg, path, err := writeConfig(dir, r.broker.Addr(), group, r.reserve)
	if err != nil {
		return f, err
	}
	c, err := start(filepath.Join(dir, "engine.log"), "engine", path)
	if err != nil {
		return f, err
	}
	plugin, err := childOf(c.cmd.Process.Pid)
	if err != nil {
		return f, errors.Join(err, c.stop())
	}
	beside := make(chan error, 1)
	go func() { beside <- during(cfg.HTTP.Listen) }()
	status := cfg.Topic("status")
	f, err = r.watch(ctx, status,
		process{name: "engine", pid: c.cmd.Process.Pid}, process{name: "plugin", pid: plugin}, r.brokerProcess())
	if err == nil {
		err = checkOutcomes(ctx, r.broker.Addr(), status, r.sends)
	}
	if err == nil {
		f.commits, err = readMetric(cfg.HTTP.Listen, "carillon_commits_total")
	}
	err = errors.Join(err, <-beside, c.stop())
	if err == nil {
		err = checkLedger(ledgerOf(dir), r.sends)
	}
	if text, unread := os.ReadFile(c.log); unread == nil {
		f.logged = string(text)
	}
	if err != nil {
		err = fmt.Errorf("round %d, engine: %w", r.round, err)
	}
	return f, err
}

// runCopy lets the yardstick copy the same records.
func (r *rig) runCopy(ctx context.Context) (f figures, err error) {
	dir, group, err := r.begin(ctx)
	if err != nil {
		return f, err
	}
	c, err := start(filepath.Join(dir, "copy.log"), "copy", r.broker.Addr(), group, strconv.Itoa(r.sends), r.cfg.Kafka.Prefix)
	if err != nil {
		return f, err
	}
	topic := r.cfg.Topic(copyTopic)
	f, err = r.watch(ctx, topic, process{name: "copy", pid: c.cmd.Process.Pid}, r.brokerProcess())
	err = errors.Join(err, c.stop())
	if n, count := r.written(ctx, topic); err == nil && (count != nil || n != r.sends) {
		err = fmt.Errorf("%d records were copied, want %d: %w", n, r.sends, count)
	}
	if err != nil {
		err = fmt.Errorf("round %d, yardstick: %w", r.round, err)
	}
	return f, err
}

func (r *rig) brokerProcess() process { return process{name: "broker", pid: r.broker.PID()} }
