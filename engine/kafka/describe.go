package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const describeVersion = 5

// Described is a consumer group as its coordinator shows it to who is no part of
// it.
type Described struct {
	State   string // Stable, Empty, PreparingRebalance, …; Dead where there is no such group
	Members []DescribedMember
}

// DescribedMember is a member of a group, and what it has.
type DescribedMember struct {
	ID, ClientID, Host string
	Partitions         []Partition
}

// DescribeGroup asks for a group and its members. It retries what is retriable.
func (c *Client) DescribeGroup(ctx context.Context, group string) (Described, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Version, req.Groups = describeVersion, []string{group}
	var d Described
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		res, err := askFor[*kmsg.DescribeGroupsResponse](ctx, c, broker, req, 0)
		if err != nil {
			return err
		}
		if len(res.Groups) != 1 {
			return fmt.Errorf("the broker tells of %d groups", len(res.Groups))
		}
		g := &res.Groups[0]
		if err := codeError(g.ErrorCode); err != nil {
			return err
		}
		d = Described{State: g.State}
		for _, m := range g.Members {
			member := DescribedMember{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
			if g.ProtocolType == protocolType {
				if member.Partitions, err = decodeAssignment(m.MemberAssignment); err != nil {
					return err
				}
			}
			d.Members = append(d.Members, member)
		}
		return nil
	})
	if err != nil {
		return Described{}, fmt.Errorf("asking for the members of group %s: %w", group, err)
	}
	return d, nil
}
