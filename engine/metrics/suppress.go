package metrics

import "github.com/prometheus/client_golang/prometheus"

// Suppressions are the series about whom nothing may go to.
type Suppressions struct {
	// Skipped counts records of the topic suppressions that are passed over.
	Skipped prometheus.Counter
	hits    *prometheus.CounterVec
}

func (s *Suppressions) register(f factory) {
	s.hits = f.counters("suppressed_total", "Sends that had no channel left since something was suppressed, by code (opted_out, blocked, address_dead).", "code")
	s.Skipped = f.counter("suppressions_skipped_total", "Records of the topic suppressions that this version can't go by, and passes over.")
}

// Hits counts sends that something suppressed stood against, by its code.
func (s *Suppressions) Hits(code string) prometheus.Counter { return s.hits.WithLabelValues(code) }
