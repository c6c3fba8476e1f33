package rig

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Metrics is what a node says at /metrics, in Prometheus' text format.
type Metrics []byte

// Metrics reads the node's metrics.
func (n *Node) Metrics(ctx context.Context) (Metrics, error) {
	_, text, err := n.Get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", n.Name, err)
	}
	return text, nil
}

// Sum adds up the samples of a metric, of which there is one per line: name{labels}
// value. Where with is given, only those count of which the labels have it. A
// metric that is not there is 0: many begin with their first value.
func (m Metrics) Sum(metric string, with ...string) float64 {
	sum := 0.0
	for line := range strings.Lines(string(m)) {
		rest, ok := strings.CutPrefix(line, metric)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' || len(with) > 0 && !strings.Contains(rest, with[0]) {
			continue
		}
		fields := strings.Fields(rest)
		if v, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += v
		}
	}
	return sum
}
