//go:build integration

package faults

import (
	"fmt"
	"slices"
	"strings"

	"github.com/carillonhq/carillon/engine/fault"
)

// killer is what may notice a mutant: tests of a package, or a short chaos run.
type killer struct {
	pkg, tests string // tests as for go test -run; "" is all
	faults     string // of the chaos run, by seed; "" where it is none
	seed       uint64
}

func (k killer) String() string {
	if k.faults != "" {
		return fmt.Sprintf("bench chaos --faults %s --seed %d", k.faults, k.seed)
	}
	return strings.TrimSuffix(k.pkg+" "+k.tests, " ")
}

var (
	inKafka   = killer{pkg: "engine/kafka"}
	inLimit   = killer{pkg: "engine/limit"}
	inLane    = killer{pkg: "engine/lane"}
	inLedger  = killer{pkg: "engine/ledger"}
	inShard   = killer{pkg: "engine/shard"}
	inIntake  = killer{pkg: "engine/intake"}
	inOutcome = killer{pkg: "engine/outcome"}
	inGuards  = killer{pkg: "engine", tests: "TestJudge"}
	rolling   = killer{pkg: "engine", tests: "TestVirtual/rolling"}
	network   = killer{pkg: "engine", tests: "TestVirtual/network"}
	zombies   = killer{faults: "zombie,partition", seed: 2}
)

// killers are, for each mutant, what is there to notice it: the quickest first.
var killers = map[string][]killer{
	fault.CommitBeforeAck:        {inShard},
	fault.MaxInsteadOfWatermark:  {inShard},
	fault.PebbleFirst:            {inShard},
	fault.SkipReservation:        {inShard},
	fault.ParkedEscape:           {inShard},
	fault.PauseIgnored:           {inShard},
	fault.HistoryNotSaved:        {inShard},
	fault.OutageIgnored:          {inShard},
	fault.DedupeAfterDispatch:    {inShard},
	fault.RedeliveryIsDuplicate:  {inShard},
	fault.LostIsFailed:           {inShard},
	fault.UnknownExpires:         {inShard},
	fault.NewKeyPerAttempt:       {inShard},
	fault.KeyForEver:             {inShard},
	fault.TombstoneForgotten:     {inShard},
	fault.PlaceForgotten:         {inShard},
	fault.SourceForgotten:        {inShard},
	fault.RestoreSkipsStatus:     {inShard},
	fault.DeadRowStays:           {inShard},
	fault.ParkedOverOutcome:      {inShard},
	fault.MapNotRead:             {inShard},
	fault.DoubtNotSeen:           {inShard},
	fault.ParkedDoubtNotSeen:     {inShard},
	fault.DoubtNotWaited:         {inShard},
	fault.FailoverWhileInDoubt:   {inShard},
	fault.FailoverNotWritten:     {inShard},
	fault.HoldNotAnnounced:       {inShard},
	fault.TombstoneFirst:         {inShard},
	fault.DoubtNotPassedOn:       {inShard},
	fault.MapNotPassedOn:         {inShard},
	fault.ParkedDoubtNotPassedOn: {inShard},
	fault.OrderIgnored:           {inShard},
	fault.OrderNotRecalled:       {inShard},
	fault.OrderWaitForgotten:     {inShard},
	fault.OrderSkipsUnderWay:     {inShard},
	fault.DecisionForAll:         {inShard},
	fault.SuppressedGoesOut:      {inShard},
	fault.CancelNotChecked:       {inShard},
	fault.FallbackAfterUnknown:   {inShard},
	fault.PathForgotten:          {inShard},
	fault.RouteByTheClock:        {inShard},
	fault.CapNotReserved:         {inShard},
	fault.CapNotRestored:         {inShard},
	fault.CapForgottenAtRestart:  {inShard},
	fault.PairAtOnce:             {inLimit},
	fault.CollapseUnderWay:       {inShard},
	fault.CollapseNotRecalled:    {inShard},

	fault.ReuseToken:          {inLane},
	fault.FirstResultNotFirst: {inLane},
	fault.NoLease:             {inLane, zombies},
	fault.WithdrawNothing:     {inLane},
	fault.LaneNotRecalled:     {inLane},
	fault.LostIsReturned:      {inLane},
	fault.ExpiredGoesOut:      {inLane},
	fault.TestModeGoesOut:     {inLane},
	fault.BulkFirst:           {inLane},
	fault.WholeRateEach:       {inLane},
	fault.FullBucket:          {inLimit},
	fault.LimitsPassed:        {inLane},
	fault.SlotsOfAll:          {inLimit},
	fault.BreakerIgnored:      {inLane},

	fault.NoFence:                {inKafka},
	fault.FencedBeginsAnew:       {inOutcome},
	fault.DisownNothing:          {inOutcome},
	fault.ResendAsNew:            {{pkg: "engine/outcome", tests: "TestLostAcknowledgement"}},
	fault.RefusalIsConsent:       {inIntake},
	fault.MapLeftOut:             {inIntake},
	fault.NewerFormatRead:        {inIntake},
	fault.IgnoreLostShard:        {inIntake},
	fault.DisputeIgnored:         {inIntake},
	fault.LeaseOfNothing:         {{pkg: "engine", tests: "TestLease"}},
	fault.DrainNotWaited:         {rolling},
	fault.KeptUnasked:            {network},
	fault.BarredIsCommitted:      {{pkg: "engine", tests: "TestBarredInput"}},
	fault.LostCommitIsFirstStart: {inGuards},
	fault.RewindBelieved:         {inGuards},
	fault.AcceptanceForAll:       {inGuards},

	fault.GapIsFinished:     {inIntake},
	fault.AnySourceBelieved: {inIntake},
	fault.GapPassedOver:     {inIntake},
	fault.TailStopsEarly:    {inIntake},

	fault.OldStateKept:        {{pkg: "engine/ledger", tests: "TestOldState"}},
	fault.RowOutlivesSend:     {inLedger},
	fault.JournalForgetsEarly: {inLedger},
	fault.DamagedBatchRead:    {inKafka},
	fault.AbortedRecordsRead:  {{pkg: "engine/kafka", tests: "TestNextSkipsWhatIsNotOurs"}},
}

// distinct returns all killers, each once.
func distinct() []killer {
	var all []killer
	for _, list := range killers {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b killer) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}
