package shard

import (
	"fmt"
	"strings"
	"testing"
)

// Many sends that fall due at one moment are loaded as their lane takes them:
// half a quota, and those whose end Kafka has yet to take. None is parked a second
// time. That goes on after a restart, and on a new disk.
func TestManyDueAtOneMoment(t *testing.T) {
	const many, quota = 600, 16
	for _, c := range []struct {
		name    string
		restart string // when half of them are gone; "" is none
	}{
		{"one owner", ""},
		{"started again on the way", "restart"},
		{"on another disk on the way", "restart lost-disk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := makeTrace(t)
			tr.cfg.Window, tr.cfg.Quota, tr.cfg.ParkLimit, tr.cfg.ParkHard, tr.cfg.Headroom = 64, quota, 1, 1, 256
			tr.open()
			defer func() { _ = tr.db.Close() }()
			for i := range many {
				tr.event("admit", []string{fmt.Sprint("m", i), "at=1h"})
				tr.event("ack", nil)
			}
			tr.effects = nil
			tr.event("tick", []string{"59m59.999s"})
			if tr.event("ack", nil); len(tr.pushed) > 0 {
				t.Fatalf("%d go out before their time", len(tr.pushed))
			}
			tr.event("tick", []string{"1ms"})
			for sent := 0; sent < many; {
				if sent == many/2 && c.restart != "" {
					fields := strings.Fields(c.restart)
					tr.event("ack", nil) // what is sent is over, so that nothing is in doubt
					tr.event(fields[0], fields[1:])
					tr.event("tick", []string{"1m"}) // what was reserved is in doubt until then
				}
				if loaded := tr.shard.loaded; loaded > quota {
					t.Fatalf("%d are in memory after %d, with a quota of %d", loaded, sent, quota)
				}
				if len(tr.atLane) == 0 {
					t.Fatalf("nothing is at the lane after %d", sent)
				}
				sent += tr.answerAll()
			}
			for i := 0; i < 4; i++ {
				tr.event("ack", nil)
			}
			if rows := tr.shard.env.Ledger.Parked("sms/default/urgent" + timeRows); rows != 0 || tr.shard.loaded != 0 {
				t.Errorf("%d rows are left, %d in memory", rows, tr.shard.loaded)
			}
			// Each is parked and has a tombstone; what was in doubt is parked once more.
			if n := len(tr.log["ledger"]); c.restart == "" && n != 2*many || n > 2*many+2*quota {
				t.Errorf("%d records in the ledger of %d sends", n, many)
			}
		})
	}
}

// answerAll has what is at the lane accepted, and Kafka take what follows.
func (tr *trace) answerAll() int {
	var ids []string
	for id := range tr.atLane {
		ids = append(ids, id)
	}
	for _, id := range ids {
		tr.event("result", []string{id, "accepted"})
	}
	tr.event("ack", nil)
	tr.event("ack", nil)
	return len(ids)
}
