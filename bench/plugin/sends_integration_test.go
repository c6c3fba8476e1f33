//go:build integration

package plugin_test

const bundledSends = 100_000
