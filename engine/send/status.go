package send

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// AppendStatusJSON appends a status event as JSON and returns the longer slice.
// It allocates nothing but that. One is written for each send, so it does not go
// by the table, at half of its cost; a test holds it against that.
func AppendStatusJSON(dst []byte, s *carillonv1.Status) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, `"eventId":"`, s.EventId)
	dst = appendName(dst, `"kind":"`, enumName(kindNames[:], int32(s.Kind)))
	dst = appendName(dst, `"status":"`, enumName(stateNames[:], int32(s.Status)))
	dst = appendText(dst, `"id":"`, s.Id)
	dst = appendText(dst, `"app":"`, s.App)
	dst = appendText(dst, `"recipient":"`, s.Recipient)
	dst = appendText(dst, `"campaign":"`, s.Campaign)
	dst = appendText(dst, `"channel":"`, s.Channel)
	dst = appendText(dst, `"account":"`, s.Account)
	dst = appendNumber(dst, `"attempt":`, int64(s.Attempt))
	if at := s.Source; at != nil {
		dst = append(dst, `"source":{`...)
		dst = appendText(dst, `"topic":"`, at.Topic)
		dst = appendNumber(dst, `"partition":`, int64(at.Partition))
		dst = appendNumber(dst, `"offset":`, at.Offset)
		dst = append(dst[:len(dst)-1], "},"...)
	}
	dst = appendReason(dst, s.Reason)
	dst = appendText(dst, `"providerMessageId":"`, s.ProviderMessageId)
	dst = appendMoment(dst, `"acceptedAt":`, s.AcceptedAt)
	dst = appendMoment(dst, `"at":`, s.At)
	dst = appendMoment(dst, `"nextAt":`, s.NextAt)
	dst = appendName(dst, `"class":"`, enumName(classNames[:], int32(s.Class)))
	if len(s.Path) > 0 {
		dst = append(appendList(append(dst, `"path":`...), s.Path, stepFields), ',')
	}
	dst[len(dst)-1] = '}' // over a comma: the attempt is always there
	return dst
}

func appendReason(dst []byte, why *carillonv1.Reason) []byte {
	if why == nil {
		return dst
	}
	dst = append(dst, `"reason":{`...)
	from := len(dst)
	dst = appendText(dst, `"class":"`, why.Class)
	dst = appendText(dst, `"code":"`, why.Code)
	return append(dst[:max(from, len(dst)-1)], "},"...)
}

// These append a member, with a comma after it; name is with what comes before
// the value. A text that is empty and a time that is not there are left out.

func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, name...)
	return append(appendEscaped(dst, text), '"', ',')
}

// appendName is appendText for a name that needs no escapes.
func appendName(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(dst, name...), value...)
	return append(dst, '"', ',')
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return append(strconv.AppendInt(append(dst, name...), n, 10), ',')
}

func appendMoment(dst []byte, name string, t *timestamppb.Timestamp) []byte {
	if t == nil {
		return dst
	}
	return append(appendTime(append(dst, name...), t), ',')
}

// appendTime appends a time as RFC 3339 has it, in quotes: as
// time.RFC3339Nano does, in a third of the time where the year has four digits.
func appendTime(dst []byte, t *timestamppb.Timestamp) []byte {
	if t == nil {
		return dst
	}
	at := time.Unix(t.Seconds, int64(t.Nanos)).UTC()
	year, month, day := at.Date()
	if year < 1000 || year > 9999 {
		dst = append(dst, '"')
		dst = at.AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	}
	hour, minute, second := at.Clock()
	dst = append(dst, '"')
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), int(month))
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), hour)
	dst = appendTwo(append(dst, ':'), minute)
	dst = appendTwo(append(dst, ':'), second)
	if n := at.Nanosecond(); n > 0 {
		dst = append(dst, '.')
		for unit := 100_000_000; n > 0; unit /= 10 {
			dst = append(dst, '0'+byte(n/unit))
			n %= unit
		}
	}
	return append(dst, 'Z', '"')
}

func appendTwo(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }
