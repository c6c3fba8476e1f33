package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const nothing = "–" // stands for a value that is not there

// number writes a value for people: three digits that say something, every digit
// before the point, a comma between thousands.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return nothing
	case v == math.Trunc(v) && size < 1e15, size >= 100 && size < 1e15:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case size >= 1e15 || size < 1e-6:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(size)))
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', digits, 64), "0"), ".")
}

// thousands puts commas into an integer.
func thousands(digits string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "-", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if digits == "0" {
		sign = ""
	}
	return sign + digits
}

func withUnit(v float64, unit string) string {
	if unit == "" || math.IsNaN(v) {
		return number(v)
	}
	if unit == "%" {
		return number(v) + "%"
	}
	return number(v) + " " + unit
}

// label makes a phrase of a figure's name. The unit stands beside the value.
func label(f Figure) string {
	words := strings.Split(f.Name, "_")
	words = slices.DeleteFunc(words, func(word string) bool {
		return slices.Contains([]string{"us", "ms", "mib", "kib"}, word) && f.Unit != ""
	})
	for i, word := range words {
		switch word {
		case "cpu", "rss", "io":
			words[i] = strings.ToUpper(word)
		case "min":
			words[i] = "least"
		case "max":
			words[i] = "most"
		}
	}
	return strings.Join(words, " ")
}

// exact writes all of a number that there is.
func exact(v float64) string { return grouped(v, -1) }

// grouped writes a number with as many digits after the point (-1: as there
// are), and commas between thousands.
func grouped(v float64, digits int) string {
	whole, rest, ok := strings.Cut(strconv.FormatFloat(v, 'f', digits, 64), ".")
	if ok {
		return thousands(whole) + "." + rest
	}
	return thousands(whole)
}

// cell writes what a table holds.
func cell(v any) string {
	if n, ok := numeric(v); ok {
		return number(n)
	}
	return text(v)
}

// text writes a setting: the same for what was just measured and for what was
// read back from JSON.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return nothing
	case string:
		return v
	case time.Duration:
		return v.String()
	}
	if n, ok := numeric(v); ok {
		return exact(n)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(out)
}

// numeric returns what is a number in JSON, but for durations, which are text.
func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// Whole writes a number for people without what is behind the point, with commas
// between thousands.
func Whole(v float64) string { return thousands(strconv.FormatFloat(v, 'f', 0, 64)) }

// Plural writes how many there are of what the noun says, such as 1 node, and
// 50,000 sends.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(strconv.Itoa(n)) + " " + noun + "s"
}

// median is the middle of what was seen, or between the two in the middle; of
// nothing it is 0.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
