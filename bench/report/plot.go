package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// plot is a drawing, ready to be written: the template does no arithmetic.
type plot struct {
	ID    string
	Title string
	Run   string // "": there is one run only
	About string // for those who can't see it
	X, Y  axis
	Lines []line
	Hover []strip

	W, H                     px
	Left, Right, Top, Bottom px // the lines are between these
	Tall                     px
	YText, XTick, XText      px // where the labels of the axes are
	XLabel                   px
}

// line is one series of a plot.
type line struct {
	Name  string
	Says  string // in the legend, of its values
	Style int    // of the colours and dashes in the page's style
	D     string // SVG path data
	Area  string // the same, down to 0; "": not filled
	Dots  []dot
}

type dot struct{ X, Y px }

// strip is as wide as a pointer needs, and tells the values at its middle.
type strip struct {
	From, Wide, Middle px
	Title              string
}

const (
	plotWide   px = 600
	plotHigh   px = 280
	styles        = 8
	dotsUpTo      = 24 // points that are seen one by one
	stripsUpTo    = 90
)

// frame gives a plot its axes and their room.
func (p *plot) frame(x, y axis) {
	longest := 0
	for _, t := range y.Ticks {
		longest = max(longest, len([]rune(t.Label)))
	}
	half := 0 // of the last label, which is centred at the end
	if len(x.Ticks) > 0 {
		half = len([]rune(x.Ticks[len(x.Ticks)-1].Label)) / 2
	}
	p.W, p.H = plotWide, plotHigh
	p.Left, p.Right, p.Top, p.Bottom = px(14+7*longest), p.W-px(12+7*half), 26, p.H-44
	p.Tall, p.YText, p.XTick, p.XText, p.XLabel = p.Bottom-p.Top, p.Left-8, p.Bottom+4, p.Bottom+18, p.H-8
	p.X, p.Y = x.span(p.Left, p.Right), y.span(p.Bottom, p.Top)
	p.X.Ticks = apart(p.X.Ticks)
}

// apart leaves out labels that would touch the one before: a digit is about 7
// wide.
func apart(all []tick) []tick {
	var kept []tick
	for _, t := range all {
		if len(kept) > 0 {
			last := kept[len(kept)-1]
			if t.At-last.At < px(7*(len(t.Label)+len(last.Label)))/2+4 {
				continue
			}
		}
		kept = append(kept, t)
	}
	return kept
}

// add draws a line through the points.
func (p *plot) add(name, says string, style int, points [][2]float64) {
	l := line{Name: name, Says: says, Style: style % styles}
	d := &strings.Builder{}
	drawn := thin(points, int(p.Right-p.Left))
	for i, at := range drawn {
		x, y := p.X.at(at[0]), p.Y.at(at[1])
		fmt.Fprintf(d, "%c%s %s", "ML"[min(i, 1)], x, y)
		if len(drawn) <= dotsUpTo {
			l.Dots = append(l.Dots, dot{x, y})
		}
	}
	l.D = d.String()
	p.Lines = append(p.Lines, l)
}

// fill fills what is below the only line.
func (p *plot) fill() {
	if l := &p.Lines[0]; len(p.Lines) == 1 && l.D != "" {
		ends := strings.FieldsFunc(l.D, func(r rune) bool { return r == 'M' || r == 'L' })
		x := func(end string) string { return end[:strings.IndexByte(end, ' ')] }
		l.Area = fmt.Sprintf("%sL%s %sL%s %sZ", l.D, x(ends[len(ends)-1]), p.Y.at(0), x(ends[0]), p.Y.at(0))
	}
}

// hover divides the plot into strips that tell the values of all lines at an x.
func (p *plot) hover(all []Series, place func(x float64) string) {
	var xs []float64
	for _, s := range all {
		for _, at := range s.Points {
			xs = append(xs, at[0])
		}
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	every := max(1, (len(xs)+stripsUpTo-1)/stripsUpTo)
	var shown []float64
	for i := 0; i < len(xs); i += every {
		shown = append(shown, xs[i])
	}
	for i, x := range shown {
		from, to := p.Left, p.Right
		if i > 0 {
			from = (p.X.at(shown[i-1]) + p.X.at(x)) / 2
		}
		if i+1 < len(shown) {
			to = (p.X.at(x) + p.X.at(shown[i+1])) / 2
		}
		title := place(x)
		for _, s := range all {
			if y, ok := nearest(s.Points, x); ok {
				title += fmt.Sprintf("\n%s: %s", s.Name, withUnit(y, s.Unit))
			}
		}
		p.Hover = append(p.Hover, strip{From: from, Wide: to - from, Middle: p.X.at(x), Title: title})
	}
}

// nearest returns the value of the point that is nearest to x.
func nearest(points [][2]float64, x float64) (y float64, ok bool) {
	best := math.Inf(1)
	for _, at := range points {
		if d := math.Abs(at[0] - x); d < best {
			best, y, ok = d, at[1], true
		}
	}
	return y, ok
}
