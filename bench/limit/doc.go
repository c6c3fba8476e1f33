// Package limit measures what is possible on this machine, and the engine as a
// share of it: programs that each do a part of the engine's work and no more, in
// turn with the engine, over the same records on the same broker.
//
//	yardstick.go     the programs' names, and the process of each: Serve
//	readerwriter.go  kafka-go's Reader and Writer: the yardstick that is 1.0
//	raw.go           fetch and produce with engine/kafka alone
//	stream.go        engine/host and a sink's process alone
//	pebble.go        engine/ledger alone, and Pebble as a table of ids
//	clock.go         when a yardstick begins and how long it takes
//	limit.go         Config, and Run: the rounds
//	round.go         one program's turn
//	engine.go        the engine's
//	watch.go         how it is measured
//	figures.go       the Result
package limit
