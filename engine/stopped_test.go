package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

func TestStopped(t *testing.T) {
	damaged := fmt.Errorf("read it: %w", &kafka.BatchError{Partition: judged, Offset: 120, NextOffset: 130, Reason: "checksum is wrong"})
	const want = "carillon.sends/3: reading has stopped at offset 120: read it: batch at offset 120 of carillon.sends/3 cannot be read: " +
		"checksum is wrong (next readable offset may be 130); what was read before goes on; to go on reading at 130, and leave out what " +
		"is between, which then has no outcome: carillon shard accept 3 --topic carillon.sends --past 120 --from 130 --reason 'why'"
	if s := newStopped(judged, damaged); s == nil || s.Error() != want || !errors.Is(s, damaged) {
		t.Errorf("%v", s)
	}
	if s := newStopped(judged, &intake.Gap{Partition: judged, Next: 5, First: 9}); s == nil || s.At != 5 || s.Next != 9 {
		t.Errorf("%v", s)
	}
	if s := newStopped(judged, errors.New("the topic was made anew")); s != nil {
		t.Errorf("%v", s)
	}
}
