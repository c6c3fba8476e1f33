package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
)

func newValidate() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Say what the engine would say of records, without publishing them",
		Long: `Read sends as a producer would publish them in JSON, one per line or one JSON
document, and say of each what the engine would:

  ok        it is a send that can be tried
  rejected  it is a send, and none of its channels could be tried: no usable
            address, no such channel, no account for the app
  invalid   it is no send; it would go to the topic "invalid"

Notes name what is allowed and probably not meant: unknown fields that look like
known ones, a time that has passed. With --config the channels, accounts and
limits are those of that file; without it, those of the bundled channels and the
defaults, and unknown channels are noted only. "-" is the standard input.

Exit code 1 says that at least one record is invalid or would be rejected.`,
		Example: `  carillon validate sends.jsonl
  jq -c .send orders.json | carillon validate - --config carillon.yaml --json`,
		Args: oneArg("a file with records, or - for the standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readInput(cmd, args[0])
			if err != nil {
				return err
			}
			c := &judge{now: time.Now()}
			if file != "" {
				if c.cfg, err = config.Load(file); err != nil {
					return err
				}
			}
			return c.all(cmd, splitRecords(data), asJSON)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration with the channels and limits to check against")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per record")
	return cmd
}

func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the records: %w; name a file, or - for the standard input", err)
	}
	return data, nil
}

// entry is one record of the input and the line on which it begins.
type entry struct {
	line  int
	value []byte
}

// splitRecords takes the input for one document where it is one as a whole, or
// where no line of it looks like a whole object: then it is a broken document
// rather than many broken lines.
func splitRecords(data []byte) []entry {
	var lines []entry
	objects := false
	for i, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 {
			continue
		}
		lines = append(lines, entry{i + 1, line})
		objects = objects || line[0] == '{' && line[len(line)-1] == '}'
	}
	if len(lines) > 1 && (json.Valid(data) || !objects) {
		return []entry{{lines[0].line, bytes.TrimSpace(data)}}
	}
	return lines
}

// all judges the records and prints what it finds.
func (c *judge) all(cmd *cobra.Command, records []entry, asJSON bool) error {
	if len(records) == 0 {
		return fmt.Errorf("the input holds no record: give one JSON object per line, or one JSON document")
	}
	counts := map[string]int{}
	for i, r := range records {
		v := c.judge(r.value)
		v.Record, v.Line = i+1, r.line
		counts[v.Result]++
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), v); err != nil {
				return err
			}
			continue
		}
		printJudgement(cmd.OutOrStdout(), v)
	}
	if !asJSON {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d ok, %d rejected, %d invalid\n",
			counts[resultOK], counts[resultRejected], counts[resultInvalid])
	}
	if counts[resultOK] < len(records) {
		return errSaid
	}
	return nil
}

func printJudgement(w io.Writer, v judgement) {
	colour := green
	text := ""
	if v.Result != resultOK {
		colour = red
		text = v.Code + ": " + v.Detail
		if v.Path != "" {
			text = v.Path + ": " + text
		}
	}
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("line %d: %s  %s", v.Line, paint(w, colour, v.Result), text), " "))
	for _, n := range v.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}
