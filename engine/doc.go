// Package engine is one node: it takes sends from Kafka, has them delivered by
// channel plugins, and publishes their outcomes to Kafka. New makes one, Run
// runs it until its context ends; the rest is wiring.
//
// # The journey of a send
//
//	carillon.sends
//	  → intake.Fetcher    one per input topic    asks each leader for all partitions that have room
//	  → intake.Reader     one per partition      bytes become a send, or a reason why not
//	  → shard.Shard       one per partition      admits, routes, keeps its state: the only writer of it
//	  → lane.Lane         one per account        paces; batches to the plugin
//	  → host.Plugin       one process a channel  the attempt
//	  → lane.Lane         its receiver           verdicts to the shard's mailbox
//	  → shard.Shard       decides                outcome, another attempt, or held
//	  → outcome.Producer  one per broker         status, ledger, invalid: acknowledged by all copies in sync
//	  → shard.Shard       lands                  ledger.Shard (Pebble), then the offset is done
//	  → intake.Committer  the generation's       the low watermark
//
// A send belongs to one of them at a time. The shard lends its attempt to the
// lane with Push and has it back with the result, which comes exactly once:
// answered, lost, expired, tested or returned.
//
// # Files
//
//	engine.go      New, Run: what is opened, in which order, and how it ends
//	kafka.go       the client, the topics, what reads and writes as long as the node lives
//	generation.go  a membership of the group: commits, leases, the rest before a rebalance
//	keep.go        each shard by itself: kept, opened, watched over, given up
//	open.go        how a node becomes a shard's owner: claim, judge, restore
//	owned.go       the shards that are the node's own
//	guard.go       whether a commit can be gone by; evidence.go, history.go what speaks for it
//	quarantine.go  what an operator is told where it can't; stopped.go where reading has ended
//	standby.go     the shards of others, followed
//	operator.go    what operators decide, to the shards and back
//	parts.go       where a node touches the world: network, disk, processes
//	topics.go      the topics as they must be, and the refusal where they are not
//	tell.go        what a node tells an operator who asks how it is
//	lanes.go       which lane serves a channel for an app
//	timing.go      quiet hours and lateness, as shards take them; caps.go frequency caps
//	suppress.go    to whom nothing may go, followed for all shards
//	timing.go      quiet hours and lateness, as shards take them
//	health.go      what keeps the node from being ready
//	http.go        /metrics, /healthz, /readyz, pprof
//	watch.go       what is looked at every other second: lag, lanes, plugins, disk
//	gauges.go      what waits on disk, and what is read at each scrape
//	observe.go     counters for shards, readers and lanes
//	teardown.go    last in, first out, each step bounded in time
//
// docs/architecture.md goes through the packages below it.
//
// # Non-obvious
//
//   - The order is the promise: acknowledged by Kafka, then Pebble, then done,
//     then committed. A flight lands only when all its writes are acknowledged,
//     and only after the flights before it.
//   - The offset that is committed is the low watermark, never the highest one
//     that is finished. What is finished above it is known from the journal,
//     and on a lost disk from status and ledger.
//   - A status event of a forwarded record carries its place in this shard in
//     the header carillon-input, since its source names another partition. A
//     restore could not tell that the record is done without it.
//   - The shard never blocks and nobody blocks on it: chunks come through a
//     channel it may decline to read, all else through a mailbox that is
//     bounded by what the shard itself has given out.
//   - A chunk says where the next one begins, and a shard takes offsets between
//     two chunks for finished (compaction, control records). So a reader that is
//     stopped must leave out everything behind what it leaves out.
//   - The same id from the same source is our own redelivery and stays silent;
//     from another source it is a duplicate. That is why a record keeps its
//     source when it is forwarded, and why a source that the engine can't have
//     written is not believed.
//   - A result that is lost is never a failure: the retry schedule is for what
//     was surely not sent. A send of which any answer was lost ends unknown when
//     its time has passed, not expired.
//   - An error of a write ends its shard, not the process: it is opened again and
//     reads what was not acknowledged. Nothing retries around it.
//   - Two contexts: when the first ends no work is taken, when the second ends
//     what is open is given up. What is given up is read again, so it must not
//     be marked done.
//   - At a rebalance the shards are paused and what waits in lanes is withdrawn:
//     left there, it would go out after another node owns the shard. They go on
//     only if their last commit is this process's own.
//   - Ask, Commit and Grant go together, one goroutine at a time: between Ask and
//     Grant a shard goes by the lower of what it had and what it asked for.
//   - An input that is barred is not committed either: its commit is the evidence.
//   - Plugins, fetchers and the producer live as long as the node.
package engine
