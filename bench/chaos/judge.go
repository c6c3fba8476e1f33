package chaos

import "fmt"

// judge fills Failures.
func (p *Report) judge(unclean int, strict bool) {
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			p.Failures = append(p.Failures, fmt.Sprintf(format, args...))
		}
	}
	fail(p.Accepted == 0, "nothing was accepted: the run shows nothing")
	fail(p.Lost > 0, "%d sends were lost", p.Lost)
	if p.Policy == "resend" {
		fail(p.Doubled > p.DoubledBound, "%d were doubled, and at most %d were in doubt", p.Doubled, p.DoubledBound)
		fail(p.DoubledUnexplained > 0, "%d were doubled that were open at no fault", p.DoubledUnexplained)
	}
	fail(p.Policy == "hold" && p.Doubled > 0, "%d were doubled, though the channel holds", p.Doubled)
	fail((strict || p.Policy == "idempotent") && p.DoubledIdempotent > 0, "%d were doubled in spite of the key", p.DoubledIdempotent)
	fail(p.OutcomesMany > 0, "%d sends have more than one outcome", p.OutcomesMany)
	fail(p.DuplicatesRecognised < p.DuplicatesExpected, "of %d sends that were published again after they had ended, %d ended as duplicates",
		p.DuplicatesExpected, p.DuplicatesRecognised)
	fail(p.DuplicatesResent > 0, "%d sends were sent when they were published again after they had ended", p.DuplicatesResent)
	fail(p.OrderViolations > 0, "%d of %d sends with an ordering key overtook one before them", p.OrderViolations, p.Ordered)
	if p.LimitOvershoot != nil {
		fail(*p.LimitOvershoot > p.LimitTolerance, "the limit was exceeded by %.0f attempts, and %.0f are tolerated", *p.LimitOvershoot, p.LimitTolerance)
		fail(*p.LimitArrivals > p.LimitRate, "the limit was exceeded by %.0f attempts at the provider", *p.LimitArrivals)
	}
	for _, f := range p.Flow {
		fail(f.Wrong > 0, "%s: %d of %d are wrong", f.Check, f.Wrong, f.Judged)
	}
	fail(p.UnknownIDs > 0, "%d attempts or events are of sends that nobody published", p.UnknownIDs)
	fail(p.OffsetsBack > 0, "committed offsets went back %d times", p.OffsetsBack)
	fail(p.Lag != 0, "%d input records are covered by no commit", p.Lag)
	fail(p.Crashes > 0, "nodes ended by themselves %d times", p.Crashes)
	fail(unclean > 0, "%d nodes did not stop in good order at the end", unclean)
	for _, f := range p.FaultLog {
		fail(f.Error != "", "the fault %s at %.1f s: %s", f.Kind, f.At, f.Error)
		if f.Reserved != nil {
			fail(f.Late > *f.Reserved, "the %s of %s at %.1f s: it made %d attempts after its session, and had reserved %d",
				f.Kind, f.Node, f.At, f.Late, *f.Reserved)
		}
		fail(f.Begun > 0, "the %s of %s at %.1f s: it began %d attempts after its session", f.Kind, f.Node, f.At, f.Begun)
		fail(f.Forced && !p.brokerless(f), "the %s of %s at %.1f s: it did not end in good order", f.Kind, f.Node, f.At)
	}
}

// brokerless says whether the broker was away, or on its way back, during a
// restart: a node can't commit then.
func (p *Report) brokerless(f FaultReport) bool {
	for _, b := range p.FaultLog {
		if b.Kind == Broker && b.At < f.At+f.Lasted && f.At < b.At+b.Lasted+20 {
			return true
		}
	}
	return false
}

// Passed says whether nothing is wrong.
func (p *Report) Passed() bool { return len(p.Failures) == 0 }
