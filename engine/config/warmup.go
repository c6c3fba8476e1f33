package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Step is a part of a warm-up.
type Step struct {
	Until time.Time
	Rate  Rate
}

// Schedule returns the steps with their times; none where there is no warm-up. A
// configuration that is valid has no error.
func (w WarmUp) Schedule() ([]Step, error) {
	if len(w.Steps) == 0 {
		return nil, nil
	}
	at, err := parseSince(w.Since)
	if err != nil {
		return nil, err
	}
	var all []Step
	for _, text := range w.Steps {
		rate, length, err := parseStep(text)
		if err != nil {
			return nil, err
		}
		at = at.Add(length)
		all = append(all, Step{Until: at, Rate: rate})
	}
	return all, nil
}

func parseSince(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q must be a day such as 2026-12-01, or a time such as 2026-12-01T08:00:00Z", s)
}

func parseStep(text string) (Rate, time.Duration, error) {
	wrong := fmt.Errorf("%q must be a rate and for how long, such as `50/d for 1d`", text)
	rate, length, ok := strings.Cut(text, " for ")
	if !ok {
		return Rate{}, 0, wrong
	}
	d, err := ParseDuration(strings.TrimSpace(length))
	if err != nil || d <= 0 {
		return Rate{}, 0, wrong
	}
	r, err := ParseRate(strings.TrimSpace(rate))
	return r, d, err
}

func (k *checker) warmUp(path string, w WarmUp) {
	k.need((w.Since == "") == (len(w.Steps) == 0), path, "has since without steps, or steps without since; set both or neither")
	if w.Since != "" {
		_, err := parseSince(w.Since)
		k.need(err == nil, path+".since", "%v", err)
	}
	for i, text := range w.Steps {
		_, _, err := parseStep(text)
		k.need(err == nil, path+".steps["+strconv.Itoa(i)+"]", "%v", err)
	}
}
