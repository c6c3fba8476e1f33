// Package chaos shows that nothing is lost and nothing doubled: several engine
// nodes share the work, any of them, its plugin, its disk or the broker is
// killed or frozen again and again, and at the end every record is accounted
// for.
//
// Nodes, plugins and broker are processes of their own, as in production; this
// process publishes, breaks things, and watches. What it believes comes from
// three places that the engine does not share: its own list of the records that
// Kafka acknowledged, the ledger that the provider's simulator (plugins/sink)
// keeps of every attempt that reached it, and the topic `status`, read with a
// client that is not the engine's.
//
//	chaos.go    Run, from start to report
//	plan.go     which fault, when, on which node: by the seed alone
//	inflict.go  the faults carried out; silence.go a node frozen or cut off
//	cluster.go  broker and nodes; node.go, process*.go one node
//	link.go     a node's way to the broker, which can be cut; talk.go has it
//	            hide the broker's own address
//	publish.go  the open-loop producer
//	flow.go     what decides when and by which way sends go, an app for each of it;
//	            operator.go who cancels, pauses, suppresses and locks out meanwhile
//	watch.go    status events as they come; offsets.go what the group has committed
//	gather.go   what was seen, put together
//	check.go    the verdict: pure, from what was collected; blame.go what was
//	            doubled, order.go ordering keys, pace.go times and limits
//	examine*.go the flow's checks: pure as well, from the ledgers, status, and what
//	            the operator did when
//	report.go   the report; judge.go what is wrong with it, table.go for people
//	points*.go  a node killed at named points of its code instead
package chaos
