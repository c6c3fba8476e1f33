package fault

// The mutants. Each is one line where the engine would do otherwise.
const (
	CommitBeforeAck       = "commit-before-ack"
	MaxInsteadOfWatermark = "max-instead-of-watermark"

	ReuseToken          = "reuse-token"
	FirstResultNotFirst = "first-result-not-first"
	NoLease             = "no-lease"
	WithdrawNothing     = "withdraw-nothing"
	LostIsReturned      = "lost-is-returned"
	ExpiredGoesOut      = "expired-goes-out"
	TestModeGoesOut     = "test-mode-goes-out"
	BulkFirst           = "bulk-first"
	WholeRateEach       = "whole-rate-each"
	FullBucket          = "full-bucket"

	RowOutlivesSend     = "row-outlives-send"
	JournalForgetsEarly = "journal-forgets-early"
	DamagedBatchRead    = "damaged-batch-read"
	AbortedRecordsRead  = "aborted-records-read"
)

// Mutants returns all mutants.
func Mutants() []Named {
	return []Named{
		{CommitBeforeAck, "an input is done as soon as its outcome is on its way, acknowledged or not"},
		{MaxInsteadOfWatermark, "what is committed is the newest record that was taken in"},

		{ReuseToken, "all attempts of a lane have one token"},
		{FirstResultNotFirst, "a second result of an attempt counts as well"},
		{NoLease, "a node that was frozen goes on where it was"},
		{WithdrawNothing, "what waits in a lane stays there when its shard is given up"},
		{LostIsReturned, "an attempt without an answer counts as one that never began"},
		{ExpiredGoesOut, "a send that has expired while it waited is attempted"},
		{TestModeGoesOut, "a send in test mode is attempted"},
		{BulkFirst, "bulk sends go before urgent ones"},
		{WholeRateEach, "each node takes an account's whole rate for itself"},
		{FullBucket, "a limiter begins with a full bucket"},

		{RowOutlivesSend, "the row of a parked send stays when the send is finished"},
		{JournalForgetsEarly, "the journal drops what is past the window, though its input may be read again"},
		{DamagedBatchRead, "a batch whose checksum is wrong is read"},
		{AbortedRecordsRead, "records of a transaction that was aborted are read"},
	}
}
