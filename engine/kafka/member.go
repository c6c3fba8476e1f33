package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The calls of Kafka's classic group protocol, in the last versions that Kafka
// 2.8 knows.
const (
	joinVersion      = 7
	syncVersion      = 5
	heartbeatVersion = 4
	leaveVersion     = 4
)

// protocolType is what Kafka's own tools take the members' metadata for.
const protocolType = "consumer"

// Join is what a member says of itself to be part of a group's next generation.
type Join struct {
	Group  string
	Member string // its id; "" for who was given none yet

	// Session is how long the member may be silent before it is thrown out,
	// Rebalance how long the others wait for it when a new generation is made.
	Session, Rebalance time.Duration

	Protocols    []string // names, best first; the best that all members know is taken
	Subscription Subscription
}

// Joined is a member's place in a generation.
type Joined struct {
	Generation int32
	Member     string // set with an error too, where the broker gave the member an id
	Protocol   string
	Others     []GroupMember // all members, itself included; for the leader alone, who shares out
}

// GroupMember is a member as the leader sees it.
type GroupMember struct {
	ID string
	Subscription
}

// JoinGroup joins the group's next generation and returns when that is complete,
// which takes until all members have joined, or Join.Rebalance. Who is given an
// id (kafkago.MemberIDRequired, KIP-394) calls again with it. After any other
// error that is Retriable the member may be part of the group nevertheless: call
// again with the same id, or it stays as a member that nobody is.
func (c *Client) JoinGroup(ctx context.Context, j Join) (Joined, error) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = joinVersion, j.Group, j.Member, protocolType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(j.Session.Milliseconds()), int32(j.Rebalance.Milliseconds())
	metadata := j.Subscription.encode()
	for _, name := range j.Protocols {
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = name, metadata
		req.Protocols = append(req.Protocols, p)
	}
	// The others are waited for, and with them those that are about to be thrown out.
	wait := j.Rebalance + j.Session
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	joined := Joined{Generation: -1, Member: j.Member}
	err := c.askCoordinator(ctx, coordinator{j.Group, byGroup}, func(broker int32) error {
		res, err := askFor[*kmsg.JoinGroupResponse](ctx, c, broker, req, wait)
		if err != nil {
			return err
		}
		if res.MemberID != "" {
			joined.Member = res.MemberID
		}
		if err := codeError(res.ErrorCode); err != nil {
			return err
		}
		joined.Generation = res.Generation
		if res.Protocol != nil {
			joined.Protocol = *res.Protocol
		}
		joined.Others = nil
		for _, m := range res.Members {
			joined.Others = append(joined.Others, GroupMember{m.MemberID, decodeSubscription(m.ProtocolMetadata)})
		}
		return nil
	})
	return joined, groupError("joining", j.Group, err)
}

// SyncGroup waits for the leader's word and returns what this member is to have.
// The leader passes that for each member by its id, the others nil. wait bounds
// the time, which is the leader's.
func (c *Client) SyncGroup(ctx context.Context, group string, j Joined, shares map[string][]Partition, wait time.Duration) ([]Partition, error) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.Generation, req.MemberID = syncVersion, group, j.Generation, j.Member
	req.ProtocolType, req.Protocol = kmsg.StringPtr(protocolType), kmsg.StringPtr(j.Protocol)
	for member, share := range shares {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = member, encodeAssignment(share)
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var share []Partition
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		res, err := askFor[*kmsg.SyncGroupResponse](ctx, c, broker, req, wait)
		if err == nil {
			err = codeError(res.ErrorCode)
		}
		if err == nil {
			share, err = decodeAssignment(res.MemberAssignment)
		}
		return err
	})
	return share, groupError(fmt.Sprintf("awaiting the shares of generation %d in", j.Generation), group, err)
}

// Heartbeat tells the group's coordinator that a member is alive. errors.Is its
// error with kafkago.RebalanceInProgress when the member is to join again, and
// with UnknownMemberId, IllegalGeneration or FencedInstanceID when it is no
// longer part of that generation.
func (c *Client) Heartbeat(ctx context.Context, group string, generation int32, member string) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.Generation, req.MemberID = heartbeatVersion, group, generation, member
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		res, err := askFor[*kmsg.HeartbeatResponse](ctx, c, broker, req, 0)
		if err != nil {
			return err
		}
		return codeError(res.ErrorCode)
	})
	return groupError("staying in", group, err)
}

// LeaveGroup takes a member out of its group at once. One that is not in it is
// no error.
func (c *Client) LeaveGroup(ctx context.Context, group, member string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = leaveVersion, group
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	req.Members = append(req.Members, m)
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		res, err := askFor[*kmsg.LeaveGroupResponse](ctx, c, broker, req, 0)
		if err != nil {
			return err
		}
		code := res.ErrorCode
		for _, m := range res.Members {
			code = max(code, m.ErrorCode)
		}
		return codeError(code)
	})
	if Is(err, kafkago.UnknownMemberId) {
		return nil
	}
	return groupError("leaving", group, err)
}

// groupError says what was being done, and what an operator can do about it.
func groupError(doing, group string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s group %s: %w", doing, group, err)
	for code, remedy := range remedies {
		if Is(err, code) {
			return fmt.Errorf("%w; %s", err, remedy)
		}
	}
	return err
}

var remedies = map[kafkago.Error]string{
	kafkago.InvalidSessionTimeout: "set kafka.session_timeout within the brokers' group.min.session.timeout.ms and " +
		"group.max.session.timeout.ms",
	kafkago.InconsistentGroupProtocol: "the group has members of another program, or of a version that is too far away: " +
		"stop them, or set kafka.group",
	kafkago.GroupMaxSizeReached:      "raise the brokers' group.max.size, or run fewer nodes",
	kafkago.GroupAuthorizationFailed: "the node's user needs Read on the group",
	kafkago.FencedInstanceID:         "another process has taken the member's place",
}
