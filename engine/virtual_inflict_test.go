package engine_test

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine"
)

// strike is a fault as it was.
type strike struct {
	kind     faultKind
	process  string // empty where it struck none
	from, to time.Time
}

// inflict carries out a fault, and returns when it is over.
func (s *scenario) inflict(f plannedFault) {
	var n *node
	if f.node >= 0 {
		n = s.nodes[f.node]
		n.turn <- struct{}{} // a node that stops in good order may take longer than was planned
		defer func() { <-n.turn }()
	}
	hit := strike{kind: f.kind, from: time.Now()}
	if n != nil {
		hit.process = n.process.name
		s.strikeNode(n, f)
	} else {
		s.strikeCluster(f)
	}
	hit.to = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strikes = append(s.strikes, hit)
}

func (s *scenario) strikeNode(n *node, f plannedFault) {
	p := n.process
	switch f.kind {
	case killed, crashed, wiped:
		kept := 100
		if f.kind == crashed {
			kept = 50
		}
		n.kill(kept)
		if f.kind == wiped {
			n.disk = vfs.NewCrashableMem()
		}
		time.Sleep(f.lasts)
		n.start()
	case restarted:
		n.shutDown()
		time.Sleep(f.lasts)
		n.start()
	case zombie, cutOff:
		p.link.hold()
		time.Sleep(f.lasts)
		p.link.release()
	case reset:
		p.link.end(func(*wire) bool { return true })
	case pluginDown:
		for _, c := range p.channels {
			c.crash()
		}
		time.Sleep(f.lasts)
		for _, c := range p.channels {
			c.back()
		}
	}
}

func (s *scenario) strikeCluster(f plannedFault) {
	answer := func(key kmsg.Key, err *kerr.Error, n int) {
		s.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: n})
	}
	switch f.kind {
	case brokerDown:
		address := addresses[f.n%len(addresses)]
		s.network.setDown(address, true)
		time.Sleep(f.lasts)
		s.network.setDown(address, false)
	case leaders:
		rng := dice(s.seed, "leaders", f.at)
		for _, topic := range engine.Topics(s.config) {
			for i := range topic.Partitions {
				if err := s.cluster.MoveTopicPartition(topic.Name, int32(i), int32(rng.IntN(len(addresses)))); err != nil {
					s.fault("%v", err)
				}
			}
		}
	case coordinator:
		s.cluster.RehashCoordinators()
	case lostCommit:
		answer(kmsg.OffsetCommit, kerr.RequestTimedOut, 1+f.n)
	case lostWrite:
		answer(kmsg.Produce, kerr.NotEnoughReplicasAfterAppend, 1+f.n)
	case evicted:
		answer(kmsg.Heartbeat, kerr.UnknownMemberID, 1)
	}
}
