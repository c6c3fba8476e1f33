//go:build !unix

package plugin

import (
	"context"
	"errors"
	"time"
)

// Orphan is not supported here: there is no shell to stand for the engine.
func (*Executable) Orphan(context.Context, time.Duration) ([]string, error) {
	return nil, errors.ErrUnsupported
}
