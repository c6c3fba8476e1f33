//go:build !linux

package bench

import "time"

const measurable = false

func cpuOf(int) (time.Duration, error) { return 0, nil }
func peakOf(int) (int64, error)        { return 0, nil }
func childOf(int) (int, error)         { return 0, nil }
