package conform

import (
	"slices"
	"strings"
)

// Check is one thing that a plugin must do.
type Check struct {
	// Name is a word.
	Name string
	// Expected is a sentence.
	Expected string

	account bool              // it needs one
	given   func(*Kit) string // what else it needs, and lacks
	run     func(*exam) error
	then    func(*Kit) // what follows from its failure
}

// Checks are all of them, in the order in which they are run.
func Checks() []Check {
	return slices.Concat(starting(), configuring(), delivering(), enduring())
}

func starting() []Check {
	return []Check{
		{Name: "start", Expected: "it starts, shakes hands, is healthy and describes itself within 15 s", run: (*exam).starts,
			then: func(k *Kit) { k.broken = "the plugin does not start" }},
		{Name: "by-hand", Expected: "started by hand it says that it is a plugin, and exits with a code that is not 0", given: process, run: (*exam).byHand},
		{Name: "describe", Expected: "its description follows the protocol, and is the same when it is asked again", run: (*exam).describes},
		{Name: "schema", Expected: "the schema of its settings is JSON Schema, and takes no unknown setting", run: (*exam).hasSchema},
	}
}

func configuring() []Check {
	return []Check{
		{Name: "refusals", Expected: "wrong settings are refused, each with its path", run: (*exam).refuses},
		{Name: "huge-settings", Expected: "settings that are huge, deep or no JSON are refused, and it goes on", run: (*exam).takesNoHugeSettings},
		{Name: "secrets", Expected: "its answers to Configure show no secret", run: (*exam).showsNoSecret},
		{Name: "unknown-account", Expected: "Deliver to an account that is not configured ends with NOT_FOUND", run: (*exam).refusesUnknownAccount},
		{Name: "account", Expected: "the given settings open an account", account: true, run: (*exam).opensAccount,
			then: func(k *Kit) { k.closed = "the account can't be opened (check account)" }},
	}
}

func delivering() []Check {
	return []Check{
		{Name: "send", Expected: "credits are granted at once, and a good attempt is accepted or delivered", account: true, run: (*exam).sends,
			then: func(k *Kit) { k.closed = "a good attempt is not sent (check send)" }},
		{Name: "batches", Expected: "each attempt of batches of 0, 1 and the most has one result", account: true, run: (*exam).answersOnce,
			then: func(k *Kit) { k.closed = "batches are not answered (check batches)" }},
		{Name: "tokens", Expected: "a result carries its attempt's token back, of 64 bits, from batches that run at once", account: true, run: (*exam).keepsTokens},
		{Name: "credits", Expected: "each result gives one credit back, and all that are granted can be used at once", account: true, run: (*exam).grantsCredits},
		{Name: "urgent", Expected: "a second stream for urgent attempts grants no credits of its own at first", account: true, given: urgent, run: (*exam).servesUrgent},
		{Name: "late", Expected: "an attempt whose deadline has passed is not sent", account: true, run: (*exam).sendsNothingLate},
		{Name: "deadline", Expected: "an attempt that its provider holds up is answered soon after its deadline, as unknown or failed", account: true, given: slow, run: (*exam).keepsDeadline},
		{Name: "cancel", Expected: "after a stream was broken off, the next one is served", account: true, run: (*exam).survivesCancel},
		{Name: "two-accounts", Expected: "two accounts are served at once, without each other's results", account: true, run: (*exam).servesTwoAccounts},
		{Name: "reconfigure", Expected: "an account that is configured anew goes on, on the stream that is open", account: true, run: (*exam).replacesAccount},
		{Name: "newer-engine", Expected: "fields that it does not know do it no harm", account: true, run: (*exam).takesUnknownFields},
		{Name: "cases", Expected: "the given cases have the given verdicts", account: true, given: cases, run: (*exam).judges},
		{Name: "throttle", Expected: "a throttle is answered at once, with a limit that is known: the plugin does not wait itself", account: true, given: throttles, run: (*exam).throttles},
	}
}

func enduring() []Check {
	return []Check{
		{Name: "bare", Expected: "an attempt that is nothing but a token has a result", account: true, run: (*exam).survivesBareAttempt},
		{Name: "hostile", Expected: "each attempt with malformed or hostile content has one result, and good ones go on", account: true, run: (*exam).survivesHostility},
		{Name: "huge", Expected: "a request of 15 MiB is taken, and answered", account: true, run: (*exam).takesHuge},
		{Name: "memory", Expected: "its memory does not grow with the sends", account: true, given: process, run: (*exam).keepsMemory},
		{Name: "drain", Expected: "a stream that the engine ends is answered to its end", account: true, run: (*exam).drains},
		{Name: "stop", Expected: "it leaves by itself within 4 s of being asked, with a stream open", run: (*exam).leaves},
		{Name: "orphan", Expected: "it leaves within 5 s of its parent's death, and all that it started leaves with it", given: process, run: (*exam).leavesWithParent},
		{Name: "output", Expected: "what it printed in all this holds no secret and no address, and is not more than 4 MiB", given: process, run: (*exam).printsNoSecret},
	}
}

func process(k *Kit) string {
	if _, ok := k.target.(Process); !ok {
		return "it is not run as a process here"
	}
	return ""
}

func urgent(k *Kit) string {
	if !k.about.GetUrgentStream() {
		return "it does not describe urgent_stream"
	}
	return ""
}

func slow(k *Kit) string {
	if k.suite.Slow == nil {
		return "no slow address was given, one that its provider answers after 10 s"
	}
	return ""
}

func cases(k *Kit) string {
	if len(k.suite.Cases) == 0 {
		return "no cases were given"
	}
	return ""
}

func throttles(k *Kit) string {
	if !slices.ContainsFunc(k.suite.Cases, Case.throttled) {
		return "no case was given whose verdict is throttled"
	}
	return ""
}

func (c Case) throttled() bool { return strings.HasPrefix(c.Want, "throttled") }
