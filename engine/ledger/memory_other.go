//go:build !unix

package ledger

import "errors"

func mapped(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) {}
