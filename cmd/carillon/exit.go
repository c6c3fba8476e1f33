package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes. A send that ends in another outcome than sent has codeFailed.
const (
	codeOK          = 0
	codeFailed      = 1
	codeUsage       = 2
	codeTimeout     = 3
	codeInterrupted = 130 // 128 + SIGINT, as shells have it
)

// exit is an error that decides on the exit code. A nil cause prints nothing:
// all has been said.
type exit struct {
	code  int
	cause error
}

func (e *exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exit) Unwrap() error { return e.cause }

func usagef(format string, args ...any) error {
	return &exit{codeUsage, fmt.Errorf(format, args...)}
}

var errSaid = &exit{code: codeFailed}

// conclude says what went wrong with the command of that name, and returns the
// exit code. Whatever is wrong before a command begins is a matter of usage.
func conclude(stderr io.Writer, name string, began, interrupted bool, err error) int {
	if err == nil {
		return codeOK
	}
	code, cause := codeFailed, err
	var e *exit
	switch {
	case errors.As(err, &e):
		code, cause = e.code, e.cause
	case interrupted && errors.Is(err, context.Canceled):
		code, cause = codeInterrupted, errors.New("interrupted")
	case !began:
		code = codeUsage
	}
	if cause == nil {
		return code
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimSpace(cause.Error()))
	if code == codeUsage {
		fmt.Fprintf(stderr, "Run '%s --help' for usage and examples.\n", name)
	}
	return code
}
