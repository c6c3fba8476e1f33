package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/suppress"
)

func newSuppressionImport() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Suppress all that a file lists",
		Long: `Suppress what a file lists, one per line: JSON objects, or CSV. JSON objects
have an "address" or a "recipient", and may have "app", "channel", "class",
"code", "until" and "reason"; CSV has those as columns, named in its first line.
A first line that names neither of the two is an address already, and the only
column. What a line leaves out is as the flags say. "-" is the standard input.

Lines that can't be are reported with their numbers and kept as they are in
--rejected; all others are suppressed. It is safe to import a file twice. Exit
code 1 says that there were such lines.`,
		Example: `  carillon suppression import opt-outs.csv --app shop --class marketing --code opted_out
  zcat bounces.jsonl.gz | carillon suppression import - --channel email --code address_dead --rejected bad.jsonl`,
		Args: oneArg("a file, or - for the standard input"),
		RunE: f.run,
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&f.rejected, "rejected", "", "where lines go that can't be suppressed (default: FILE.rejected)")
	return cmd
}

type importFlags struct {
	addition
	rejected string
}

func (f *importFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.operator.check(); err != nil {
		return err
	}
	if _, err := f.entry(f.scopeFlags, f.code, f.until, f.reason, time.Now()); err != nil {
		return err
	}
	in, rejected := cmd.InOrStdin(), f.rejected
	if args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("read what to suppress: %w; name a file, or - for the standard input", err)
		}
		defer file.Close()
		in = file
		if rejected == "" {
			rejected = args[0] + ".rejected"
		}
	} else if rejected == "" {
		return usagef("name a file with --rejected: lines of the standard input that can't be suppressed go there")
	}
	client, topic, key, err := f.open(cmd)
	if err != nil {
		return err
	}
	defer client.Close()
	r := &importing{
		importFlags: f, cmd: cmd, client: client, topic: topic, check: key.Check, hasher: key.NewHasher(), now: time.Now(),
		rejects: rejects{name: rejected},
	}
	err = errors.Join(r.all(in), r.rejects.close())
	fmt.Fprintf(cmd.ErrOrStderr(), "suppressed: %d, rejected: %d\n", r.done, r.rejects.n)
	if err == nil && r.rejects.n > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "what was rejected is in %s: mend it there, and import that file\n", rejected)
		return errSaid
	}
	return err
}

// importing is an import that goes on.
type importing struct {
	*importFlags
	cmd     *cobra.Command
	client  *kafka.Client
	topic   string
	check   uint32
	hasher  *suppress.Hasher
	now     time.Time
	columns []string
	batch   []kafka.Record
	done    int
	rejects rejects
}

const (
	importBatch = 10_000
	longestLine = 64 << 10
)

func (r *importing) all(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	number := 0
	for lines.Scan() {
		number++
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || number == 1 && r.isHead(line) {
			continue
		}
		rec, err := r.line(line)
		if err != nil {
			if err := r.rejects.add(r, number, line, err); err != nil {
				return err
			}
			continue
		}
		if r.batch = append(r.batch, rec); len(r.batch) == importBatch {
			if err := r.write(); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read line %d: %w; a line is at most %d bytes long; those before it may be suppressed already", number+1, err, longestLine)
	}
	return r.write()
}

func (r *importing) write() error {
	if err := r.client.Write(r.cmd.Context(), r.topic, r.batch); err != nil {
		return fmt.Errorf("%w; it is safe to import the file again", err)
	}
	r.done += len(r.batch)
	r.batch = r.batch[:0]
	if w := r.cmd.ErrOrStderr(); isTerminal(w) {
		fmt.Fprintf(w, "\rsuppressed: %d, rejected: %d ", r.done, r.rejects.n)
	}
	return nil
}

// listed is a line of the file.
type listed struct {
	Address, Recipient, App, Channel, Class, Code, Until, Reason string
}

func (l *listed) field(name string) *string {
	return map[string]*string{
		"address": &l.Address, "recipient": &l.Recipient, "app": &l.App, "channel": &l.Channel,
		"class": &l.Class, "code": &l.Code, "until": &l.Until, "reason": &l.Reason,
	}[strings.ToLower(strings.TrimSpace(name))]
}

// isHead says whether the first line names the columns; if not, the only column is
// the address.
func (r *importing) isHead(line string) bool {
	r.columns = []string{"address"}
	names, err := readCSV(line)
	if err != nil {
		return false
	}
	var l listed
	whom := false
	for _, name := range names {
		field := l.field(name)
		whom = whom || field != nil && (field == &l.Address || field == &l.Recipient)
	}
	if whom {
		r.columns = names
	}
	return whom
}

func readCSV(line string) ([]string, error) {
	c := csv.NewReader(strings.NewReader(line))
	c.TrimLeadingSpace = true
	return c.Read()
}

func (r *importing) line(line string) (rec kafka.Record, err error) {
	l := listed{App: r.app, Channel: r.channel, Class: r.class, Code: r.code, Until: r.until, Reason: r.reason}
	if strings.HasPrefix(line, "{") {
		err = l.json(line)
	} else {
		err = l.csv(line, r.columns)
	}
	if err != nil {
		return rec, err
	}
	if len(l.Reason) > mostSaid {
		return rec, fmt.Errorf("reason: takes %d bytes at most", mostSaid)
	}
	e, err := r.entry(scopeFlags{l.App, l.Channel, l.Class}, l.Code, l.Until, l.Reason, r.now)
	if err != nil {
		return rec, err
	}
	var s subject
	switch {
	case (l.Address == "") == (l.Recipient == ""):
		return rec, errors.New("give either an address or a recipient")
	case l.Address != "":
		s, err = newAddress(l.Address)
	default:
		s, err = newRecipient(l.Recipient)
	}
	if err != nil {
		return rec, err
	}
	e.Kind, e.Hash, e.Key = s.kind, s.hash(r.hasher), r.check
	return e.Record()
}

func (l *listed) json(line string) error {
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		return fmt.Errorf("is no such JSON object: %w", err)
	}
	return nil
}

func (l *listed) csv(line string, columns []string) error {
	values, err := readCSV(line)
	if err != nil {
		return fmt.Errorf("is no CSV: %w", err)
	}
	if len(values) > len(columns) {
		return fmt.Errorf("has %d columns, and there are %d", len(values), len(columns))
	}
	for i, v := range values {
		field := l.field(columns[i])
		if field == nil {
			continue // a column of somebody's own
		}
		if v = strings.TrimSpace(v); v != "" {
			*field = v
		}
	}
	return nil
}

// rejects are the lines that can't be. The file is made for the first of them.
type rejects struct {
	name string
	file *os.File
	n    int
}

// mostReported bounds the lines that are reported one by one. What is wrong is
// said without the line, which holds an address.
const mostReported = 20

func (j *rejects) add(r *importing, number int, line string, why error) error {
	if j.n++; j.n <= mostReported {
		fmt.Fprintf(r.cmd.ErrOrStderr(), "line %d: %v\n", number, why)
	} else if j.n == mostReported+1 {
		fmt.Fprintln(r.cmd.ErrOrStderr(), "more lines are rejected; all of them are kept")
	}
	if j.file == nil {
		file, err := os.OpenFile(j.name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("keep what is rejected: %w; name another file with --rejected", err)
		}
		j.file = file
		if len(r.columns) > 1 && !strings.HasPrefix(line, "{") {
			line = strings.Join(r.columns, ",") + "\n" + line
		}
	}
	if _, err := fmt.Fprintln(j.file, line); err != nil {
		return fmt.Errorf("keep what is rejected: %w", err)
	}
	return nil
}

func (j *rejects) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
