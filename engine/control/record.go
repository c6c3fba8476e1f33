package control

import (
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// DoubtKey is the key of a decision. Each attempt in doubt has its own, so that
// what is decided about one says nothing about the next. None of the parts can
// hold a NUL.
func DoubtKey(d *controlv1.Doubt) string {
	return "indoubt/" + d.App + "\x00" + d.Recipient + "\x00" + d.Id + "\x00" + strconv.FormatUint(uint64(d.Attempt), 10)
}

// AcceptanceKey is the key of what was accepted of a partition.
func AcceptanceKey(p kafka.Partition) string { return "accept/" + p.String() }

// PauseKey is the key of what is paused: it can be paused once.
func PauseKey(p *controlv1.Pause) string {
	if p.Channel != "" {
		return "pause/channel\x00" + p.Channel + "\x00" + p.Account
	}
	return "pause/app\x00" + p.App + "\x00" + p.Campaign
}

// RequestOf returns the id under which nodes answer a record, and until when
// they do; "" is one that nobody answers.
func RequestOf(r *controlv1.Record) (id string, until time.Time) {
	switch o := r.GetObject().(type) {
	case *controlv1.Record_Cancel:
		if o.Cancel.Undone {
			return "", time.Time{}
		}
		return o.Cancel.Id, time.UnixMilli(o.Cancel.AnswerUntilMs)
	case *controlv1.Record_Pause:
		return o.Pause.Id, time.UnixMilli(o.Pause.AnswerUntilMs)
	case *controlv1.Record_Query:
		return o.Query.Id, time.UnixMilli(o.Query.UntilMs)
	}
	return "", time.Time{}
}

// KeyOf returns the key that a record belongs under, "" for one of a newer
// version.
//
// Each cancel and each question has a key of its own, so that a tombstone is
// never about a later one.
func KeyOf(r *controlv1.Record) string {
	switch o := r.Object.(type) {
	case *controlv1.Record_Doubt:
		return DoubtKey(o.Doubt)
	case *controlv1.Record_Acceptance:
		return AcceptanceKey(kafka.Partition{Topic: o.Acceptance.Topic, Index: o.Acceptance.Partition})
	case *controlv1.Record_Cancel:
		return "cancel/" + o.Cancel.Id
	case *controlv1.Record_Pause:
		return PauseKey(o.Pause)
	case *controlv1.Record_Query:
		return "query/" + o.Query.Id
	}
	return ""
}

// Applied returns the record of an acceptance as the node that has gone by it
// writes it back: it counts once, and stays for the audit.
func Applied(r *controlv1.Record, at time.Time, node string) *controlv1.Record {
	r = proto.Clone(r).(*controlv1.Record)
	a := r.GetAcceptance()
	a.AppliedMs, a.AppliedBy = at.UnixMilli(), node
	return r
}

var (
	errNewer     = errors.New("is of a newer version of Carillon")
	errMalformed = errors.New("was not written by Carillon")
)

// parse reads the record of a key.
func parse(key string, value []byte) (*controlv1.Record, error) {
	r := &controlv1.Record{}
	if r.UnmarshalVT(value) != nil {
		return nil, errMalformed
	}
	switch want := KeyOf(r); {
	case want == "":
		return nil, errNewer
	case want != key:
		return nil, errMalformed
	}
	if d := r.GetDoubt(); d != nil {
		switch d.Decision {
		case controlv1.Decision_DECISION_RESEND, controlv1.Decision_DECISION_DROP:
		default:
			return nil, errNewer
		}
	}
	return r, nil
}
