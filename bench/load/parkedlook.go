package load

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/carillonhq/carillon/bench/process"
)

// The looks of a run.
const (
	started      = "started"
	farParked    = "far ones parked"
	startedAgain = "started again"
	diskLost     = "started again, disk lost"
	nearParked   = "near ones parked"
	nearSent     = "near ones sent"
)

// look is what the nodes take at one moment, garbage collected.
type look struct {
	name     string
	parked   float64
	resident float64 // bytes
	heap     float64 // bytes in use
	ids      float64 // bytes for those that are remembered, beside the heap
	disk     float64 // bytes
}

// look looks at the nodes.
func (p *parked) look(ctx context.Context, name string) error {
	l := look{name: name}
	for _, n := range p.round.Nodes {
		if err := n.Collect(ctx); err != nil {
			return err
		}
		m, err := n.Metrics(ctx)
		if err != nil {
			return err
		}
		l.parked += m.Sum("carillon_parked")
		l.heap += m.Sum("go_memstats_heap_alloc_bytes")
		l.ids += m.Sum("carillon_dedupe_bytes")
		disk, err := diskUsed(n.Data)
		if err != nil {
			return err
		}
		l.disk += float64(disk)
	}
	used, err := p.used()
	l.resident = float64(used.Resident)
	p.looks = append(p.looks, l)
	return err
}

// used adds up what the nodes use.
func (p *parked) used() (all process.Used, err error) {
	if !process.Measurable {
		return all, nil
	}
	for _, n := range p.round.Nodes {
		used, err := process.Usage(n.Process().PID())
		if err != nil {
			return all, fmt.Errorf("look at %s: %w", n.Name, err)
		}
		all.CPU += used.CPU
		all.Resident += used.Resident
		all.Peak += used.Peak
	}
	return all, nil
}

// at returns the look of that name, nil if there was none.
func (p *parked) at(name string) *look {
	for i := range p.looks {
		if p.looks[i].name == name {
			return &p.looks[i]
		}
	}
	return nil
}

// diskUsed adds up the files below a directory. One that goes meanwhile counts
// for nothing: a database drops what it has written anew.
func diskUsed(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // as said above
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("add up the disk below %s: %w", dir, err)
	}
	return sum, nil
}
