package report

import "math"

// thin leaves of many points what a drawing of so many columns can show: of each
// column the first, the least, the most and the last, so that no peak is lost.
func thin(points [][2]float64, columns int) [][2]float64 {
	if len(points) <= 4*columns {
		return points
	}
	low, high := points[0][0], points[0][0]
	for _, p := range points {
		low, high = min(low, p[0]), max(high, p[0])
	}
	column := func(p [2]float64) int {
		return int(math.Floor((p[0] - low) / (high - low) * float64(columns)))
	}
	var out [][2]float64
	for from := 0; from < len(points); {
		to, least, most := from+1, from, from
		for ; to < len(points) && column(points[to]) == column(points[from]); to++ {
			if points[to][1] < points[least][1] {
				least = to
			}
			if points[to][1] > points[most][1] {
				most = to
			}
		}
		last := -1
		for _, i := range []int{from, min(least, most), max(least, most), to - 1} {
			if i != last {
				out = append(out, points[i])
			}
			last = i
		}
		from = to
	}
	return out
}
