// Package rig is the machinery of a run on one machine: a broker, engine nodes
// with their plugins, each a process of its own as in production, and a meter
// that reads what they use. It judges nothing.
//
//	r, err := rig.Open(ctx, rig.Options{Dir: dir, Command: command, Broker: "embedded"})
//	defer r.Close()
//	err = r.Publish(ctx, n, record)        // before the first round
//	round, err := r.Begin(ctx)             // new topics but those of sends, a new group
//	defer round.Close()
//	node, err := round.Start(ctx, "node-0", nil)
//	meter, err := rig.Measure(every, processes)
//	…
//	measured := meter.Stop()
//
//	rig.go      Rig: the broker and its topics
//	round.go    Round: everything but the input anew
//	config.go   Config: a node's configuration, from configs/bench.yaml
//	node.go     Node: `carillon run` as a process
//	metrics.go  what a node says of itself at /metrics
//	profile.go  profiles of a node
//	account.go  what became of every send
//	meter.go    Meter: CPU and memory of processes, over time
//	broker.go   the three kinds of broker
//	rigtest     this binary as every process of a run, for tests
package rig
