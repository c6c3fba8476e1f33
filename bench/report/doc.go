// Package report is what a benchmark leaves behind: a Result, its table on a
// terminal, its JSON, its page of HTML, the comparison of two, and the line that
// shows how far a run is.
//
//	result.go    the Result and its parts
//	json.go      its file
//	machine.go   the machine that it was measured on
//	write.go     the table on a terminal
//	number.go    numbers and names for people
//	progress.go  the line of a run that goes on
//	compare.go   two results; noise.go says how sure, baseline.go whether CI fails
//	page.go      the page, with page.html and page.css; grids.go has its tables
//	plots.go     what is drawn; plot.go draws it, axis.go has the ticks
//
// Nothing here measures: it holds no clock but that of the progress line, and
// reads nothing of a run but what it is given.
package report
