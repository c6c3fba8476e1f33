package intake

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/carillonhq/carillon/engine/fault"
)

// Format is the version of the text of a Reservation. It rises when an engine
// that knows only the older one must not go by the text; names that it does not
// know it passes over.
const Format = 1

// MaxSpan is how far above Low the runs of a Reservation may reach: the text has
// a bit for each offset, and Kafka keeps 4096 bytes unless it was told otherwise
// (offset.metadata.max.bytes).
const MaxSpan = 16384

// maxOwner bounds the bytes of an owner's name.
const maxOwner = 128

// Run is a run of offsets, without To.
type Run struct{ From, To int64 }

// Reservation is what the commit of one input's offset says besides the offset:
// where a new owner has to look for what is in doubt. It travels as the commit's
// metadata, written by Text and read by ParseReservation.
type Reservation struct {
	Low      int64 // the committed offset: every record below is finished
	Reserved int64 // no record at or above was begun
	// Done are the offsets above Low that are finished: ascending, apart from
	// each other, and less than MaxSpan away from Low.
	Done []Run
	// Due: no parked send that falls due later was loaded. Unix milliseconds. It
	// and Parked stand in the urgent input's alone.
	Due    int64
	Parked int // no more parked sends than these were under way
	// Owner names the process that committed: at most 128 letters, digits and
	// other characters that are neither space nor control.
	Owner string
}

// ErrForeign is the error of a text that the engine did not write.
var ErrForeign = errors.New("not written by carillon")

// NewerFormat is the error of a text of a format that this version does not know.
type NewerFormat struct{ Format int }

func (e *NewerFormat) Error() string {
	return fmt.Sprintf("is in format %d, and this version of carillon knows formats up to %d: run the version that wrote it, or a later one",
		e.Format, Format)
}

const formatPrefix = "carillon/"

// Text encodes the reservation, without Low, in at most 4096 bytes.
func (r Reservation) Text() string {
	b := make([]byte, 0, 128)
	b = strconv.AppendInt(append(b, formatPrefix...), Format, 10)
	b = strconv.AppendInt(append(b, " reserved="...), r.Reserved, 10)
	if r.Due != 0 {
		b = strconv.AppendInt(append(b, " due="...), r.Due, 10)
	}
	if r.Parked != 0 {
		b = strconv.AppendInt(append(b, " parked="...), int64(r.Parked), 10)
	}
	if r.Owner != "" {
		b = append(append(b, " owner="...), r.Owner[:min(len(r.Owner), maxOwner)]...)
	}
	if bits := r.bits(); len(bits) > 0 && !fault.Mutant(fault.MapLeftOut) {
		b = base64.RawURLEncoding.AppendEncode(append(b, " done="...), bits)
	}
	return string(b)
}

// bits is a bit for each offset from Low on, up to the last that is finished.
func (r Reservation) bits() []byte {
	if len(r.Done) == 0 {
		return nil
	}
	end := min(r.Done[len(r.Done)-1].To-r.Low, MaxSpan)
	bits := make([]byte, max(0, end+7)/8)
	for _, run := range r.Done {
		for i := max(0, run.From-r.Low); i < min(run.To-r.Low, end); i++ {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return bits
}

// ParseReservation reads what Text wrote with the commit of an offset. The error
// is a *NewerFormat, or is ErrForeign (errors.Is) where Text can't have written it.
func ParseReservation(low int64, text string) (Reservation, error) {
	r := Reservation{Low: low}
	head, rest, _ := strings.Cut(text, " ")
	version, ours := strings.CutPrefix(head, formatPrefix)
	format, err := strconv.Atoi(version)
	switch {
	case !ours || err != nil || format < 1:
		return r, ErrForeign
	case format > Format && !fault.Mutant(fault.NewerFormatRead):
		return r, &NewerFormat{format}
	}
	var faults error
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			faults = fmt.Errorf("%w: %q is no number", ErrForeign, s)
		}
		return n
	}
	for _, field := range strings.Fields(rest) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "reserved":
			r.Reserved = number(value)
		case "due":
			r.Due = number(value)
		case "parked":
			r.Parked = int(number(value))
		case "owner":
			r.Owner = value
		case "done":
			if r.Done, err = parseRuns(low, value); err != nil {
				faults = err
			}
		}
	}
	if faults == nil && r.Reserved < low {
		faults = fmt.Errorf("%w: it reserves up to %d, below the committed offset %d", ErrForeign, r.Reserved, low)
	}
	return r, faults
}

func parseRuns(low int64, text string) ([]Run, error) {
	bits, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bits) > MaxSpan/8 {
		return nil, fmt.Errorf("%w: the finished offsets are damaged", ErrForeign)
	}
	var runs []Run
	for i := range int64(len(bits)) * 8 {
		switch n := len(runs); {
		case bits[i/8]&(1<<(i%8)) == 0:
		case n > 0 && runs[n-1].To == low+i:
			runs[n-1].To++
		default:
			runs = append(runs, Run{low + i, low + i + 1})
		}
	}
	return runs, nil
}
