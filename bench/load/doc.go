// Package load measures the engine under the sends of a workload: nodes, their
// plugins and a broker, each a process of its own, with their CPU and memory.
// Every command counts each outcome to the last, and fails if a send is lost or
// doubled: speed at which that happens is of no interest.
//
//	load.go       Config, and what the commands have in common
//	stage.go      a broker with the sends on it
//	pass.go       once through all of them, flat out
//	gauge.go      what is sampled meanwhile
//	cost.go       figures of what a send costs
//	flow.go       sends at a steady rate, and when each had its outcome
//	keepup.go     whether they end at that rate
//	times.go      latencies, as figures and over time
//	broadcast.go  `bench broadcast`: passes of the same nodes
//	profile.go    profiles of a node, in one more pass
//	latency.go    `bench latency`: a flow
//	scale.go      `bench scale`: passes of several sizes, by several nodes
//	soak.go       `bench soak`: a long flow, and whether it stays flat
//	isolation.go  `bench isolation`: a flow alone, and beside a broadcast
//	parked.go     `bench parked`: sends that wait for their time; parkedlook.go
//	              what they take, parkedaccount.go what became of them
//	cancel.go     `bench cancel`: a campaign that is canceled; cancelaccount.go
//	              what became of it
package load
