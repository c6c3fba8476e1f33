package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/kafka"
)

// oldestFormat is the oldest of a reservation's text that is understood.
const oldestFormat = 1

// GroupConfig says which consumer group shares the shards out.
type GroupConfig struct {
	Client *kafka.Client
	ID     string
	Topics []string // the inputs: urgent, bulk

	// SessionTimeout is how long a member may be silent, RebalanceTimeout how
	// long the others wait for it when the shards are shared out anew.
	SessionTimeout, RebalanceTimeout, Heartbeat time.Duration

	// Owned returns the shards that this process still has, so that they stay
	// with it. It is called while own does not run. nil stands for none.
	Owned func() []int32

	// Remember is the file that keeps this member's id. A process that starts
	// after a crash takes its former self out of the group with it: the others
	// would wait for that one until its session has ended. "" keeps none.
	Remember string
}

// Membership is one generation's share: the shards that are owned until its
// context ends.
type Membership struct {
	Generation int32
	Member     string
	Shards     []int32
	Format     int // the newest that every member understands
}

// ErrOver is what errors.Is finds in the cause of an own's context, where that
// ended because the group has another generation or has lost this member.
var ErrOver = errors.New("the membership is over")

// RunGroup is a member of the group until ctx ends: own is called with each
// generation's share, in a goroutine of its own and never twice at once. Its
// context ends when the shards are to be shared out anew, when this member is
// no longer part of the group or has not heard of it for a session, and with
// ctx. The member stays in the group until own has returned, for at most the
// rebalance timeout where others wait for it; then it joins again, or leaves.
// A generation may come again, where own has returned by itself.
//
// The error is about what waiting cannot mend; all else is logged and tried
// again.
func RunGroup(ctx context.Context, cfg GroupConfig, log zerolog.Logger, own func(context.Context, Membership)) error {
	return runGroup(ctx, cfg, log, []int{oldestFormat, Format}, own)
}

// runGroup understands the formats from the first to the second.
func runGroup(ctx context.Context, cfg GroupConfig, log zerolog.Logger, formats []int, own func(context.Context, Membership)) error {
	if cfg.ID == "" || len(cfg.Topics) == 0 || min(cfg.SessionTimeout, cfg.RebalanceTimeout, cfg.Heartbeat) <= 0 {
		return errors.New("a consumer group needs a name, topics and times")
	}
	m := &member{GroupConfig: cfg, log: log.With().Str("group", cfg.ID).Logger(), own: own, generation: -1, formats: map[string]int{}}
	for f := formats[1]; f >= formats[0]; f-- {
		name := fmt.Sprintf("carillon-%d", f)
		m.formats[name] = f
		m.protocols = append(m.protocols, name)
	}
	m.last.Generation = -1
	return m.run(ctx)
}

// member is this process in the group. All of it belongs to run's goroutine.
type member struct {
	GroupConfig
	log       zerolog.Logger
	own       func(context.Context, Membership)
	protocols []string // best first
	formats   map[string]int

	id         string    // "" while the group knows none
	generation int32     // what heartbeats are for; -1: they would be in vain
	heard      time.Time // when the last thing was sent that the group took from a member
	mute       bool      // heartbeats fail
	last       Membership
}

// Pauses between two joins, of which the first failed.
const (
	shortestPause = 50 * time.Millisecond
	longestPause  = 2 * time.Second
)

func (m *member) run(ctx context.Context) error {
	m.dismissFormer(ctx)
	defer m.leave(ctx)
	pause := shortestPause
	for ctx.Err() == nil {
		next, err := m.join(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			pause = shortestPause
			m.last = next
			_ = m.beatDuring(ctx, serving, func(ctx context.Context) { m.own(ctx, next) }) // own knows, and we go round
		case kafka.Is(err, kafkago.InvalidSessionTimeout, kafkago.InvalidGroupId):
			return err
		default:
			level := zerolog.WarnLevel
			if kafka.Is(err, kafkago.RebalanceInProgress) { // somebody joined meanwhile
				level = zerolog.DebugLevel
			}
			m.log.WithLevel(level).Err(err).Msg("the node has no place in the consumer group; joining again")
			select {
			case <-ctx.Done():
			case <-time.After(min(pause, m.SessionTimeout/3)):
			}
			pause = min(2*pause, longestPause)
		}
	}
	return nil
}

// join makes this member part of the next generation.
func (m *member) join(ctx context.Context) (Membership, error) {
	joined, err := m.enter(ctx)
	if kafka.Is(err, kafkago.MemberIDRequired) {
		joined, err = m.enter(ctx)
	}
	if err != nil {
		return Membership{}, err
	}
	m.generation, m.heard = joined.Generation, time.Now()
	var parts []kafka.Partition
	over := m.beatDuring(ctx, serving, func(ctx context.Context) {
		var shares map[string][]kafka.Partition
		if joined.Others != nil {
			shares, err = m.shareOut(ctx, joined.Others)
		}
		if err == nil {
			parts, err = m.Client.SyncGroup(ctx, m.ID, joined, shares, m.RebalanceTimeout+m.SessionTimeout)
		}
	})
	m.obey(err)
	if over != nil {
		return Membership{}, over
	}
	return Membership{
		Generation: joined.Generation, Member: joined.Member,
		Shards: whole(parts, m.Topics), Format: m.formats[joined.Protocol],
	}, err
}

// enter waits until the next generation's members are complete. The id that the
// group gives is kept whatever comes after: a join whose answer was lost has to
// be repeated under it.
func (m *member) enter(ctx context.Context) (kafka.Joined, error) {
	j := kafka.Join{
		Group: m.ID, Member: m.id, Session: m.SessionTimeout, Rebalance: m.RebalanceTimeout, Protocols: m.protocols,
		Subscription: m.subscription(),
	}
	var joined kafka.Joined
	var err error
	over := m.beatDuring(ctx, joining, func(ctx context.Context) { joined, err = m.Client.JoinGroup(ctx, j) })
	m.obey(err)
	if err == nil || kafka.Is(err, kafkago.MemberIDRequired) {
		m.called(joined.Member)
		return joined, err
	}
	return joined, errors.Join(over, err)
}

// subscription claims the shards that this process still has. Only those count
// that it was given last, and only since then: a later generation, of which it
// did not hear, may have given them to others.
func (m *member) subscription() kafka.Subscription {
	s := kafka.Subscription{Topics: m.Topics, Generation: m.last.Generation}
	if m.Owned == nil {
		return s
	}
	for _, id := range m.Owned() {
		if slices.Contains(m.last.Shards, id) {
			s.Owned = append(s.Owned, partitions(m.Topics, id)...)
		}
	}
	return s
}

// obey follows what the group says of this member.
func (m *member) obey(err error) {
	if kafka.Is(err, kafkago.IllegalGeneration, kafkago.UnknownMemberId, kafkago.FencedInstanceID) {
		m.generation = -1
	}
	if kafka.Is(err, kafkago.UnknownMemberId, kafkago.FencedInstanceID) {
		m.id = ""
	}
}

// called notes this member's id.
func (m *member) called(id string) {
	if id == m.id {
		return
	}
	m.id = id
	if m.Remember != "" {
		if err := os.WriteFile(m.Remember, []byte(id), 0o600); err != nil {
			m.log.Warn().Err(err).Msg("the node's place in the group is not noted: after a crash its shards wait for a session timeout")
		}
	}
}

// leave gives up this member's place, so that nobody waits for it.
func (m *member) leave(ctx context.Context) {
	if m.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.SessionTimeout/3)
	defer cancel()
	if err := m.Client.LeaveGroup(ctx, m.ID, m.id); err != nil {
		m.log.Warn().Err(err).Stringer("session_timeout", m.SessionTimeout).Msg("the group will notice that this node is gone after a session timeout")
		return
	}
	if m.Remember != "" {
		_ = os.Remove(m.Remember) // who is not in the group can leave it again
	}
}

// dismissFormer takes the process that ran here before out of the group, if it
// had no time to do so.
func (m *member) dismissFormer(ctx context.Context) {
	if m.Remember == "" {
		return
	}
	former, err := os.ReadFile(m.Remember)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil && len(former) > 0 {
		err = m.Client.LeaveGroup(ctx, m.ID, string(former))
	}
	if err != nil {
		m.log.Warn().Err(err).Msg("the process that ran here before is not taken out of the group; it may be waited for")
	}
}
