package fault

import "slices"

// The mutants. Each is one line where the engine would do otherwise.
const (
	CommitBeforeAck        = "commit-before-ack"
	MaxInsteadOfWatermark  = "max-instead-of-watermark"
	PebbleFirst            = "pebble-first"
	SkipReservation        = "skip-reservation"
	ParkedEscape           = "parked-escape"
	PauseIgnored           = "pause-ignored"
	HistoryNotSaved        = "history-not-saved"
	OutageIgnored          = "outage-ignored"
	DedupeAfterDispatch    = "dedupe-after-dispatch"
	RedeliveryIsDuplicate  = "redelivery-is-duplicate"
	FailoverWhileInDoubt   = "failover-while-in-doubt"
	FailoverNotWritten     = "failover-not-written"
	LostIsFailed           = "lost-is-failed"
	UnknownExpires         = "unknown-expires"
	NewKeyPerAttempt       = "new-key-per-attempt"
	KeyForEver             = "key-for-ever"
	TombstoneForgotten     = "tombstone-forgotten"
	PlaceForgotten         = "place-forgotten"
	SourceForgotten        = "source-forgotten"
	RestoreSkipsStatus     = "restore-skips-status"
	DeadRowStays           = "dead-row-stays"
	ParkedOverOutcome      = "parked-over-outcome"
	MapNotRead             = "map-not-read"
	DoubtNotSeen           = "doubt-not-seen"
	ParkedDoubtNotSeen     = "parked-doubt-not-seen"
	DoubtNotWaited         = "doubt-not-waited"
	HoldNotAnnounced       = "hold-not-announced"
	TombstoneFirst         = "tombstone-first"
	DoubtNotPassedOn       = "doubt-not-passed-on"
	MapNotPassedOn         = "map-not-passed-on"
	ParkedDoubtNotPassedOn = "parked-doubt-not-passed-on"
	OrderIgnored           = "order-ignored"
	OrderNotRecalled       = "order-not-recalled"
	OrderWaitForgotten     = "order-wait-forgotten"
	OrderSkipsUnderWay     = "order-skips-under-way"
	DecisionForAll         = "decision-for-all"
	SuppressedGoesOut      = "suppressed-goes-out"
	CancelNotChecked       = "cancel-not-checked"
	FallbackAfterUnknown   = "fallback-after-unknown"
	PathForgotten          = "path-forgotten"
	RouteByTheClock        = "route-by-the-clock"
	CapNotReserved         = "cap-not-reserved"
	CapNotRestored         = "cap-not-restored"
	CapForgottenAtRestart  = "cap-forgotten-at-restart"
	PairAtOnce             = "pair-at-once"
	CollapseUnderWay       = "collapse-under-way"
	CollapseNotRecalled    = "collapse-not-recalled"

	ReuseToken          = "reuse-token"
	FirstResultNotFirst = "first-result-not-first"
	NoLease             = "no-lease"
	WithdrawNothing     = "withdraw-nothing"
	LaneNotRecalled     = "lane-not-recalled"
	LostIsReturned      = "lost-is-returned"
	ExpiredGoesOut      = "expired-goes-out"
	TestModeGoesOut     = "test-mode-goes-out"
	BulkFirst           = "bulk-first"
	WholeRateEach       = "whole-rate-each"
	FullBucket          = "full-bucket"
	LimitsPassed        = "limits-passed"
	SlotsOfAll          = "slots-of-all"
	BreakerIgnored      = "breaker-ignored"

	NoFence                = "no-fence"
	FencedBeginsAnew       = "fenced-begins-anew"
	DisownNothing          = "disown-nothing"
	ResendAsNew            = "resend-as-new"
	RefusalIsConsent       = "refusal-is-consent"
	MapLeftOut             = "map-left-out"
	NewerFormatRead        = "newer-format-read"
	IgnoreLostShard        = "ignore-lost-shard"
	DisputeIgnored         = "dispute-ignored"
	LeaseOfNothing         = "lease-of-nothing"
	DrainNotWaited         = "drain-not-waited"
	KeptUnasked            = "kept-unasked"
	BarredIsCommitted      = "barred-is-committed"
	LostCommitIsFirstStart = "lost-commit-is-first-start"
	RewindBelieved         = "rewind-believed"
	AcceptanceForAll       = "acceptance-for-all"

	GapIsFinished     = "gap-is-finished"
	AnySourceBelieved = "any-source-believed"
	GapPassedOver     = "gap-passed-over"
	TailStopsEarly    = "tail-stops-early"

	OldStateKept        = "old-state-kept"
	RowOutlivesSend     = "row-outlives-send"
	JournalForgetsEarly = "journal-forgets-early"
	DamagedBatchRead    = "damaged-batch-read"
	AbortedRecordsRead  = "aborted-records-read"
)

// Mutants returns all mutants.
func Mutants() []Named {
	return slices.Concat(ofShards(), ofLanes(), ofOwnership(), ofIntake(), ofStorage())
}

// ofShards are about what a shard does with its sends.
func ofShards() []Named {
	return []Named{
		{CommitBeforeAck, "an input is done as soon as its outcome is on its way, acknowledged or not"},
		{MaxInsteadOfWatermark, "what is committed is the newest record that was taken in"},
		{PebbleFirst, "Pebble and the offset do not wait for Kafka"},
		{SkipReservation, "a record is begun without a grant"},
		{ParkedEscape, "parked sends are loaded without a grant"},
		{PauseIgnored, "a shard that is to be handed over goes on beginning attempts"},
		{HistoryNotSaved, "a hand-over forgets answers that were lost"},
		{OutageIgnored, "attempts go on while no outcome can be written"},
		{DedupeAfterDispatch, "an id is known only when its send has ended"},
		{RedeliveryIsDuplicate, "the engine's own second look at a record counts as another record"},
		{FailoverWhileInDoubt, "a send that may have been sent goes on by another account of its channel"},
		{FailoverNotWritten, "a send goes by another account than its own, and no row says so"},
		{LostIsFailed, "an attempt without an answer counts as one that surely sent nothing"},
		{UnknownExpires, "a send that may have been sent ends expired"},
		{NewKeyPerAttempt, "the provider's key is another one for each attempt"},
		{KeyForEver, "a provider is trusted to know a key longer than it says"},
		{TombstoneForgotten, "the row of a parked send stays in `ledger` when the send has ended"},
		{PlaceForgotten, "an outcome does not say which record of the shard it is about"},
		{SourceForgotten, "a record that is moved to its shard forgets where it was"},
		{RestoreSkipsStatus, "a restore does not read which sends have ended"},
		{DeadRowStays, "a tombstone that a crash kept from being written is never written"},
		{ParkedOverOutcome, "a restore parks what has ended"},
		{MapNotRead, "what a commit says of finished records is not gone by"},
		{DoubtNotSeen, "what a former owner had reserved counts as never tried"},
		{ParkedDoubtNotSeen, "parked sends that a former owner may have loaded count as never tried"},
		{DoubtNotWaited, "what is in doubt is tried again while the former owner's attempt may go on"},
		{HoldNotAnnounced, "a channel that holds does not announce its attempts"},
		{TombstoneFirst, "a row is taken away beside the outcome of its send, and not after it"},
		{DoubtNotPassedOn, "what an owner was told is in doubt, and has not read, it keeps from the next one"},
		{MapNotPassedOn, "what an owner was told is finished, and has not read, it keeps from the next one"},
		{ParkedDoubtNotPassedOn, "so it does with parked sends"},
		{OrderIgnored, "sends of one ordering key do not wait for each other"},
		{OrderNotRecalled, "a new owner does not know which parked sends wait for which"},
		{OrderWaitForgotten, "a new owner does not know since when sends wait for others of their ordering key"},
		{OrderSkipsUnderWay, "one that others waited for too long is passed over while its attempt is under way"},
		{CancelNotChecked, "what is canceled is attempted all the same"},
		{DecisionForAll, "an operator's decision goes for a later attempt as well"},
		{SuppressedGoesOut, "what was suppressed after a send was routed is not looked up before its attempt"},
		{FallbackAfterUnknown, "another channel is tried though the one before may have sent it"},
		{PathForgotten, "a send comes back to a channel that it has done with"},
		{RouteByTheClock, "a route is resolved by the time that it is, and not by when the send is due"},
		{CapNotReserved, "a send that is on its way does not count for its recipient's caps"},
		{CapNotRestored, "a new disk does not know what `status` says went to a recipient"},
		{CapForgottenAtRestart, "a disk does not keep what went to a recipient"},
		{PairAtOnce, "the attempts that are open do not count for the rate of a recipient and channel"},
		{CollapseUnderWay, "a newer send ends one whose attempt is under way"},
		{CollapseNotRecalled, "a new owner does not know which parked sends a newer one replaces"},
	}
}

// ofLanes are about the way to the provider.
func ofLanes() []Named {
	return []Named{
		{ReuseToken, "all attempts of a lane have one token"},
		{FirstResultNotFirst, "a second result of an attempt counts as well"},
		{NoLease, "a node that was frozen goes on where it was"},
		{WithdrawNothing, "what waits in a lane stays there when its shard is given up"},
		{LaneNotRecalled, "what was canceled or paused while it waits in a lane goes out"},
		{LostIsReturned, "an attempt without an answer counts as one that never began"},
		{ExpiredGoesOut, "a send that has expired while it waited is attempted"},
		{TestModeGoesOut, "a send in test mode is attempted"},
		{BulkFirst, "bulk sends go before urgent ones"},
		{WholeRateEach, "each node takes an account's whole rate for itself"},
		{FullBucket, "a limiter begins with a full bucket"},
		{LimitsPassed, "apps, campaigns and domains have no limits, and a throttle that names one keeps nothing"},
		{SlotsOfAll, "a node uses the slots of a small limit that are another node's"},
		{BreakerIgnored, "an account that is to be left alone is not"},
	}
}

// ofOwnership are about who owns a shard, and what of it goes by.
func ofOwnership() []Named {
	return []Named{
		{NoFence, "a shard is taken over without a claim: its former owner can go on writing"},
		{FencedBeginsAnew, "a producer that was fenced goes on under another identity"},
		{DisownNothing, "what a shard has handed to the producer is written after the shard is given up"},
		{ResendAsNew, "a batch whose acknowledgement was lost is sent again as another batch"},
		{RefusalIsConsent, "a commit that the broker refuses counts as accepted"},
		{MapLeftOut, "a commit does not say what is finished above it"},
		{NewerFormatRead, "the metadata of a newer version is read as if it were this one's"},
		{IgnoreLostShard, "a member goes on with its shards when the group has given them to another"},
		{DisputeIgnored, "of two members that both say to have a shard, one is believed"},
		{LeaseOfNothing, "a commit of nothing, which asks nobody, lets attempts begin for another session"},
		{DrainNotWaited, "a hand-over does not wait for what is at a plugin"},
		{KeptUnasked, "a shard goes on after a rebalance without a look at who had it meanwhile"},
		{BarredIsCommitted, "a quarantined input is committed for, over what is the evidence"},
		{LostCommitIsFirstStart, "a shard whose commit has vanished begins anew"},
		{RewindBelieved, "a commit that has gone back is gone by"},
		{AcceptanceForAll, "what an operator has accepted goes for every later state as well"},
	}
}

// ofIntake are about the way in.
func ofIntake() []Named {
	return []Named{
		{GapIsFinished, "a reader that is stopped in between gives on what comes behind"},
		{AnySourceBelieved, "a record may name any source for itself"},
		{GapPassedOver, "what retention has deleted unread is passed over"},
		{TailStopsEarly, "a restore ends with the first answer, wherever the log ends"},
	}
}

// ofStorage are about disk and wire.
func ofStorage() []Named {
	return []Named{
		{OldStateKept, "a state on disk is gone on from though tombstones since may be gone"},
		{RowOutlivesSend, "the row of a parked send stays when the send is finished"},
		{JournalForgetsEarly, "the journal drops what is past the window, though its input may be read again"},
		{DamagedBatchRead, "a batch whose checksum is wrong is read"},
		{AbortedRecordsRead, "records of a transaction that was aborted are read"},
	}
}
