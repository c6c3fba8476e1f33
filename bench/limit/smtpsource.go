package limit

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
)

// smtpSource finds postfix's own load generator, smtp-source(1), which Debian
// installs where a user's PATH does not lead.
func smtpSource() (string, error) {
	for _, name := range []string{"smtp-source", "/usr/sbin/smtp-source", "/usr/local/sbin/smtp-source"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("smtp-source, which comes with postfix, is not installed")
}

// takeSMTPSource has smtp-source send as many mails of the same size, on as many
// sessions, of which it keeps each until the end (-d). Its clock is from its
// start to its end, since it tells nobody when it begins.
func (r *channelRun) takeSMTPSource(ctx context.Context, t task, dir string) (done turn, err error) {
	path, err := smtpSource()
	if err != nil {
		return done, err
	}
	m, err := sample(ctx, t)
	if err != nil {
		return done, err
	}
	meter, err := rig.Measure(sampled, r.beside)
	if err != nil {
		return done, err
	}
	log := filepath.Join(dir, "log")
	began := time.Now()
	p, err := process.Launch(exec.Command(path, "-d", "-N", "-s", strconv.Itoa(t.Connections), "-m", strconv.Itoa(t.Workload.Sends),
		"-l", strconv.Itoa(len(m.text)), "-f", "shop@example.com", "-t", "customer@example.com", t.Provider), log, nil)
	if err != nil {
		return done, errors.Join(fmt.Errorf("start smtp-source: %w", err), meter.Stop().Check())
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		err = errors.Join(context.Cause(ctx), p.Kill())
	}
	done = turn{sends: float64(r.sends.Len()), took: time.Since(began)}
	measured := meter.Stop()
	done.use = measured.Roles
	if err == nil && !p.State().Success() {
		err = fmt.Errorf("smtp-source ended with %v", p.State())
	}
	if process.Measurable {
		done.use[SMTPSource] = rig.Use{CPU: p.State().UserTime() + p.State().SystemTime()}
	}
	return done, because(errors.Join(err, measured.Check()), log)
}
