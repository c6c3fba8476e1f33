package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// PointsReport is what a run over the named points found. Its JSON is that of a
// Report, and a row for each point.
type PointsReport struct {
	*Report
	Repetitions int           `json:"repetitions"`
	Points      []PointReport `json:"points"`
}

// PointReport is one point's row.
type PointReport struct {
	Point       string `json:"point"`
	Repetitions int    `json:"repetitions"`
	// Reached counts the repetitions in which the node got there.
	Reached int `json:"reached"`
	// Lost counts sends that were published before the death at it, and after
	// the one before.
	Lost int `json:"lost"`
	// Doubled counts sends that were open at it and sent twice; Bound those that
	// were open.
	Doubled int `json:"doubled"`
	Bound   int `json:"doubled_bound"`
	// Recovery is until every shard had an outcome for a record that was accepted
	// after the death; deaths without one are not in it.
	RecoveryMedian float64 `json:"recovery_median_seconds"`
	RecoveryMax    float64 `json:"recovery_max_seconds"`
}

func newPointsReport(x *pointsRun, r *Report, v *verdict) *PointsReport {
	p := &PointsReport{Report: r, Repetitions: x.repetitions, Points: make([]PointReport, len(x.points))}
	recoveries := map[string][]float64{}
	rows := map[string]*PointReport{}
	for i, name := range x.points {
		p.Points[i].Point = name
		rows[name] = &p.Points[i]
	}
	for _, f := range r.FaultLog {
		row := rows[f.Point]
		row.Repetitions++
		if f.Error == "" {
			row.Reached++
		}
		row.Doubled += f.Doubled
		row.Bound += f.Open
		if f.Recovery != nil {
			recoveries[f.Point] = append(recoveries[f.Point], *f.Recovery)
		}
	}
	for _, text := range v.lost {
		id, _, _ := strings.Cut(text, ":")
		if n, ok := numberOf(x.publisher.run, id); ok {
			if i, _ := slices.BinarySearchFunc(x.published, n+1, cmp.Compare[int]); i < len(r.FaultLog) {
				rows[r.FaultLog[i].Point].Lost++
			}
		}
	}
	for name, all := range recoveries {
		slices.Sort(all)
		rows[name].RecoveryMedian, rows[name].RecoveryMax = all[len(all)/2], all[len(all)-1]
	}
	return p
}

// Write writes the report for people.
func (p *PointsReport) Write(w io.Writer) {
	p.writeFigures(w)
	fmt.Fprintf(w, "\n  %-24s %5s %7s %5s %7s %5s  %s\n", "point", "times", "reached", "lost", "doubled", "bound", "recovery (median, most)")
	for _, r := range p.Points {
		fmt.Fprintf(w, "  %-24s %5d %7d %5d %7d %5d  %5.1f s %5.1f s\n",
			r.Point, r.Repetitions, r.Reached, r.Lost, r.Doubled, r.Bound, r.RecoveryMedian, r.RecoveryMax)
	}
	p.writeVerdict(w)
}
