package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/config"
)

// newLog makes the log that a configuration asks for.
func newLog(cfg config.Log, w io.Writer) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339Nano // zerolog knows it for all loggers only; its own has no fractions
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		level = zerolog.InfoLevel // the configuration's check has refused it
	}
	format := cfg.Format
	if format == "auto" {
		format = "json"
		if isTerminal(w) {
			format = "console"
		}
	}
	if format == "console" {
		plain := !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: plain}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
