package report

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Baseline returns an error that names every figure which is worse in now than
// in old, beyond its noise and its slack. Without names it judges all that are
// counted and have a direction: whatever the machine's speed, they say the same.
//
// It is an error, too, if there is nothing to judge, a figure is missing, or
// the two are not runs of one command with the same settings.
func Baseline(old, now *Result, names ...string) error {
	if err := Comparable(old, now); err != nil {
		return err
	}
	c, err := Compare(old, now)
	if err != nil {
		return fmt.Errorf("the baseline: %w", err)
	}
	if len(names) == 0 {
		names = counted(old, now)
	}
	if len(names) == 0 {
		return errors.New("the baseline has no figure that the speed of the machine has no part in: name the figures to go by")
	}
	var faults []error
	for _, name := range names {
		if err := c.regressed(name); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Comparable returns an error if old is no baseline for now: they are runs of
// two commands, their settings differ, or old failed. now needs no figures yet.
func Comparable(old, now *Result) error {
	if err := sameCommand(old, now); err != nil {
		return fmt.Errorf("the baseline: %w", err)
	}
	if !old.Passed {
		return errors.New("the baseline is a run that failed, so nothing can be said: write it anew")
	}
	if other := differing(old, now); len(other) > 0 {
		return fmt.Errorf("the baseline was measured with other settings (%s), so nothing can be said: run with the same, or write it anew", strings.Join(other, ", "))
	}
	return nil
}

// counted are the figures that a machine's speed has no part in, of either run:
// one that is gone must be noticed.
func counted(old, now *Result) []string {
	all := map[string]struct{}{}
	for _, r := range []*Result{old, now} {
		for _, f := range r.Figures {
			if f.Counted && f.Better != Neither {
				all[f.Name] = struct{}{}
			}
		}
	}
	return union(all, nil)
}

func (c *Comparison) regressed(name string) error {
	change := c.Change(name)
	switch {
	case change == nil:
		return fmt.Errorf("the figure %s is neither in the baseline nor in this run", name)
	case change.Before == nil:
		return fmt.Errorf("the figure %s is not in the baseline: write it anew", name)
	case change.After == nil:
		return fmt.Errorf("the figure %s is in the baseline, and not in this run", name)
	case change.Verdict == Unjudged:
		return fmt.Errorf("the figure %s can't be judged: %s", name, reason(*change))
	case change.Verdict == IsWorse:
		return fmt.Errorf("%s is worse than in the baseline: %s, and was %s (%s; noise: %s)",
			name, withUnit(*change.After, change.Unit), withUnit(*change.Before, change.Unit), percent(change.Percent), change.noise())
	}
	return nil
}

func reason(c Change) string {
	if c.Why == "" {
		return "it is neither better higher nor lower"
	}
	return c.Why
}

// noise is the interval of a change, in words.
func (c Change) noise() string {
	if c.Low == nil || c.High == nil {
		return nothing
	}
	return percent(c.Low) + " to " + percent(c.High)
}

// percent writes a change with its sign, to a tenth.
func percent(p *float64) string {
	if p == nil {
		return nothing
	}
	switch v := *p; {
	case math.Abs(v) < 0.05:
		return "0.0%"
	case math.Abs(v) < 1000:
		return fmt.Sprintf("%+.1f%%", v)
	case math.Abs(v) < 1e6:
		return fmt.Sprintf("%+.0f%%", v)
	default:
		return fmt.Sprintf("%+.0e%%", v)
	}
}
