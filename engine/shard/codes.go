package shard

// Codes of a status event's reason that the engine gives by itself; docs/contract.md
// explains each. All others are the channels'.
const (
	codeSeen           = "seen"
	codeNoChannel      = "no_channel"
	codeNoAddress      = "no_address"
	codeBadAddress     = "bad_address"
	codePastExpiry     = "past_expiry"
	codeNotYet         = "not_yet"
	codeQuietHours     = "quiet_hours"
	codeTooLate        = "too_late"
	codeCapped         = "capped"
	codeRecipientRate  = "recipient_rate"
	codeNotItsTurn     = "not_its_turn"
	codeOrderWait      = "order_wait"
	codeOrderSkipped   = "order_skipped"
	codeLaneFull       = "lane_full"
	codeLostAnswer     = "lost_answer"
	codeTakenOver      = "taken_over"
	codeTest           = "test"
	codeBreakerOpen    = "breaker_open"
	codeFailover       = "failover"
	CodeResend         = "resend"
	CodeDropped        = "dropped"
	codeCanceled       = "canceled"
	codePaused         = "paused"
	codeResumed        = "resumed"
	CodeUnknownChannel = "unknown_channel"
	CodeNoAccount      = "no_account"
	codeUnknownRoute   = "unknown_route"
	codeNoRule         = "no_rule"
)

// ClassOperator is the class of a reason that an operator gave.
const ClassOperator = "operator"
