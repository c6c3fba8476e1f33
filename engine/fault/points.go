package fault

// The points, along the way of a send and of a shard.
const (
	AfterFetch          = "after-fetch"
	AfterReservation    = "after-reservation"
	BeforeAttempt       = "before-attempt"
	AfterAttempt        = "after-attempt"
	BeforeOutcome       = "before-outcome"
	BeforeAck           = "before-ack"
	AfterAckBeforeApply = "after-ack-before-apply"
	AfterApply          = "after-apply"
	BeforeCommit        = "before-commit"
	AfterCommit         = "after-commit"
	AfterClaim          = "after-claim"
	DuringRestore       = "during-restore"
	DuringDrain         = "during-drain"
)

// Points returns all points.
func Points() []Named {
	return []Named{
		{AfterFetch, "records of an input have come, and the reader has not seen them"},
		{AfterReservation, "Kafka has the reservation, and the shard has begun nothing under it"},
		{BeforeAttempt, "a batch is taken from a lane, and the plugin does not have it"},
		{AfterAttempt, "the plugin has answered a batch, and nobody has heard it"},
		{BeforeOutcome, "the verdicts are known, and nothing of them is on its way to Kafka"},
		{BeforeAck, "Kafka has answered a write, and nobody has heard it"},
		{AfterAckBeforeApply, "Kafka has all that a turn of the loop wrote, and Pebble does not"},
		{AfterApply, "Pebble has it too, and its input is not marked done"},
		{BeforeCommit, "the offsets are to be committed, and nothing is sent"},
		{AfterCommit, "Kafka has the offsets, and nobody has heard it"},
		{AfterClaim, "a shard is claimed, and nothing of it is read"},
		{DuringRestore, "a shard has read `status`, and not `ledger`"},
		{DuringDrain, "the shards are told to begin nothing more, and are waited for"},
	}
}
