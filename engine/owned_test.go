package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
)

// Of an input that is barred nothing is committed: what the group has is the
// evidence that an operator decides by. The other input goes on.
func TestBarredInputIsNotCommitted(t *testing.T) {
	disk, err := ledger.Open(ledger.Config{Dir: t.TempDir(), Window: time.Hour}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	led, err := disk.Load(0, time.Now(), func(ledger.Entry) {})
	if err != nil {
		t.Fatal(err)
	}
	s := &ownedShard{ended: make(chan struct{})}
	var found [2]intake.Reservation
	for i := range s.readers {
		found[i] = intake.Reservation{Low: 7, Reserved: 7}
		s.readers[i] = startReading(intake.NewReader(kafka.Partition{}, 1, send.Limits{}, nil), nil)
	}
	s.Shard = shard.New(shard.Config{Found: found, Window: 1}, shard.Env{
		Ledger: led, Now: time.Now, Need: func() {}, Log: zerolog.Nop(),
	}, [2]map[int64]bool{})
	s.run()
	defer s.close()
	s.bar(intake.Urgent, errors.New("it has gone back"))
	p, err := s.position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if urgent, bulk := p.Inputs[intake.Urgent].Low, p.Inputs[intake.Bulk].Low; urgent != intake.NoCommit || bulk != 7 {
		t.Errorf("it would commit %d for the barred input and %d for the other, want %d and 7", urgent, bulk, intake.NoCommit)
	}
}
