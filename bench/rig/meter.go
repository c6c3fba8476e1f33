package rig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
)

// Watched is a process that is measured.
type Watched struct {
	Role string // engine, plugin, broker, …: what figures add up by
	Name string // in plots
	PID  int
}

// Busy is how many cores a provider's process keeps busy that counts as what
// holds everybody up: about all of one, which is what it may have of a machine
// that is shared with what is measured.
const Busy = 0.9

// Gauge is something else to be sampled, such as how many outcomes there are.
type Gauge struct {
	Name, Unit, Group string
	// Rate says that it only grows, and is shown as its growth per second.
	Rate bool
	// Read returns its value now. A value that can't be had is left out.
	Read func() (float64, error)
}

// Use is what all processes of one role used.
type Use struct {
	// CPU is in user and kernel mode, from Measure to Stop, and Before what was
	// used before that.
	CPU, Before time.Duration
	// Peak is the most memory that each of them had resident in its life, added
	// up, in bytes.
	Peak int64
}

// Measured is what a meter has seen. On other systems than Linux it has no
// roles, and of the series only those of gauges.
type Measured struct {
	Elapsed time.Duration
	Roles   map[string]Use
	Series  []report.Series
	// Gone are the names of processes that ended meanwhile: of those it has what
	// was seen last.
	Gone []string
}

// Check returns an error if a process ended meanwhile.
func (m *Measured) Check() error {
	if len(m.Gone) > 0 {
		return fmt.Errorf("%s ended by itself while it was measured", strings.Join(m.Gone, " and "))
	}
	return nil
}

// Meter samples processes and gauges until it is stopped.
type Meter struct {
	processes []Watched
	gauges    []Gauge
	began     time.Time
	first     []process.Used // of each process, at the beginning
	stop      chan struct{}
	over      sync.WaitGroup

	// Those below are of the sampling goroutine until it is over.
	cpu, memory, values []report.Series
	last                []process.Used
	gone                []string
	before              []float64 // of the gauges
	at                  time.Time
}

// Measure begins to sample, every so often. The processes run.
func Measure(every time.Duration, processes []Watched, gauges ...Gauge) (*Meter, error) {
	m := &Meter{processes: processes, gauges: gauges, stop: make(chan struct{}), before: make([]float64, len(gauges))}
	for _, p := range processes {
		m.cpu = append(m.cpu, report.Series{Name: p.Name, Unit: "cores", Group: "CPU"})
		m.memory = append(m.memory, report.Series{Name: p.Name, Unit: "MiB", Group: "Memory resident"})
	}
	for i, g := range gauges {
		m.values = append(m.values, report.Series{Name: g.Name, Unit: g.Unit, Group: g.Group})
		m.before[i], _ = g.Read()
	}
	var err error
	if m.first, err = usage(processes); err != nil {
		return nil, err
	}
	m.began = time.Now()
	m.at, m.last = m.began, m.first
	m.over.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.sample()
			case <-m.stop:
				return
			}
		}
	})
	return m, nil
}

// Stop ends the sampling and returns what was measured. It is called once.
func (m *Meter) Stop() *Measured {
	end := time.Now()
	close(m.stop)
	m.over.Wait()
	now := m.usage()
	measured := &Measured{Elapsed: end.Sub(m.began), Roles: map[string]Use{}, Series: m.values, Gone: m.gone}
	if !process.Measurable {
		return measured
	}
	for i, p := range m.processes {
		use := measured.Roles[p.Role]
		use.CPU += now[i].CPU - m.first[i].CPU
		use.Before += m.first[i].CPU
		use.Peak += now[i].Peak
		measured.Roles[p.Role] = use
	}
	measured.Series = append(append(measured.Series, m.cpu...), m.memory...)
	return measured
}

func usage(processes []Watched) ([]process.Used, error) {
	all := make([]process.Used, len(processes))
	var faults []error
	for i, p := range processes {
		var err error
		all[i], err = process.Usage(p.PID)
		faults = append(faults, err)
	}
	return all, errors.Join(faults...)
}

// usage is what the processes use now; of one that has ended, what it used last.
func (m *Meter) usage() []process.Used {
	all := slices.Clone(m.last)
	for i, p := range m.processes {
		if used, err := process.Usage(p.PID); err == nil {
			all[i] = used
		} else if !slices.Contains(m.gone, p.Name) {
			m.gone = append(m.gone, p.Name)
		}
	}
	return all
}

// sample adds a point to every series. A gauge that can't be read leaves a gap.
func (m *Meter) sample() {
	now := time.Now()
	x, passed := now.Sub(m.began).Seconds(), now.Sub(m.at).Seconds()
	if used := m.usage(); process.Measurable {
		for i, u := range used {
			add(&m.cpu[i], x, (u.CPU-m.last[i].CPU).Seconds()/passed)
			add(&m.memory[i], x, float64(u.Resident)/(1<<20))
		}
		m.last = used
	}
	m.at = now
	for i, g := range m.gauges {
		v, err := g.Read()
		switch {
		case err != nil:
		case g.Rate:
			add(&m.values[i], x, (v-m.before[i])/passed)
			m.before[i] = v
		default:
			add(&m.values[i], x, v)
		}
	}
}

func add(s *report.Series, x, y float64) { s.Points = append(s.Points, [2]float64{x, y}) }
