//go:build !integration

package plugin_test

// bundledSends keep the check of the memory short; the integration tests have all
// 100,000.
const bundledSends = 10_000

// slowHostilities take the 15 s that a start has; engine/host tests them quicker.
var slowHostilities map[string]fails
