package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Write writes the report for people.
func (p *Report) Write(w io.Writer) {
	p.writeFigures(w)
	fmt.Fprintf(w, "\n  %-12s %6s  %s\n", "fault", "times", "all shards send again after (median, most)")
	for _, kind := range slices.Sorted(maps.Keys(p.Faults)) {
		r := p.Recoveries[kind]
		fmt.Fprintf(w, "  %-12s %6d  %5.1f s %5.1f s\n", kind, p.Faults[kind], r.Median, r.Max)
	}
	const row = "  %8s  %-12s %-8s %8s %6s %7s %5s %6s %8s %6s %7s %9s\n"
	fmt.Fprintf(w, "\n"+row, "at", "fault", "node", "lasted", "open", "doubled", "late", "begun", "reserved", "unack", "waiting", "recovery")
	for _, f := range p.FaultLog {
		recovery, reserved := "never", ""
		if f.Recovery != nil {
			recovery = seconds(*f.Recovery)
		}
		if f.Reserved != nil {
			reserved = fmt.Sprint(*f.Reserved)
		}
		fmt.Fprintf(w, row, seconds(f.At), f.Kind, f.Node, seconds(f.Lasted), fmt.Sprint(f.Open), fmt.Sprint(f.Doubled), fmt.Sprint(f.Late),
			fmt.Sprint(f.Begun), reserved, fmt.Sprint(f.Unacknowledged), fmt.Sprint(f.Waiting), recovery)
	}
	p.writeVerdict(w)
}

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

func (p *Report) writeFigures(w io.Writer) {
	fmt.Fprintf(w, "%d nodes on %s, %.0f s of load at %.0f sends/s, seed %d\n\n", p.Nodes, p.Broker, p.Seconds, p.SendsPerSecond, p.Seed)
	row := func(name string, value any, about string) { fmt.Fprintf(w, "  %-20s %9v  %s\n", name, value, about) }
	row("accepted", p.Accepted, "sends that Kafka acknowledged")
	for _, state := range slices.Sorted(maps.Keys(p.Outcomes)) {
		row("  "+state, p.Outcomes[state], "")
	}
	row("lost", p.Lost, "")
	row("doubled", p.Doubled, fmt.Sprintf("at most %d may be: the attempts that were open at a fault, and %d that were overdue", p.DoubledBound, p.Overdue))
	row("  unexplained", p.DoubledUnexplained, "that repeat no such attempt")
	row("  by zombies", p.DoubledByZombies, "by a node that had outlived its session")
	row("doubled, with keys", p.DoubledIdempotent, "what a provider with idempotency keys would have doubled")
	row("many outcomes", p.OutcomesMany, fmt.Sprintf("sends; %d events were written twice", p.RepeatedEvents))
	row("duplicates", p.DuplicatesRecognised, fmt.Sprintf("of %d sends that were published again after a disk was lost; %d were sent",
		p.DuplicatesExpected, p.DuplicatesResent))
	row("order violations", p.OrderViolations, fmt.Sprintf("of %d sends with an ordering key; of %d others the first attempt was lost", p.Ordered, p.OrderUnseen))
	row("widest span", p.WidestSpan, "records from a watermark to the last that was finished above it")
	row("offsets gone back", p.OffsetsBack, "")
	row("lag at the end", p.Lag, "")
	row("crashes", p.Crashes, "")
	if p.LimitOvershoot != nil {
		row("limit overshoot", fmt.Sprintf("%.0f", *p.LimitOvershoot), fmt.Sprintf("attempts above rate·w + burst in the worst window (%.2f s at %.1f s); %.0f at the provider",
			p.OvershootSeconds, p.OvershootAt, *p.LimitArrivals))
	}
	for _, f := range p.Flow {
		row(f.Check, f.Wrong, fmt.Sprintf("wrong of %d; %d are excused", f.Judged, f.Excused))
	}
	row("longest silence", seconds(p.SilenceSeconds), fmt.Sprintf("nothing ended from %.1f s on", p.SilenceAt))
}

func (p *Report) writeVerdict(w io.Writer) {
	if p.Passed() {
		fmt.Fprintln(w, "\npassed")
		return
	}
	fmt.Fprintf(w, "\nFAILED; data and logs are in %s\n", p.Dir)
	for _, list := range [][]string{p.Failures, p.Examples} {
		for _, text := range list {
			fmt.Fprintf(w, "  - %s\n", text)
		}
	}
}
