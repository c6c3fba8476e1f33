//go:build integration

package plugin_test

import "github.com/carillonhq/carillon/bench/plugin/hostile"

const bundledSends = 100_000

var slowHostilities = map[string]fails{
	hostile.Silent:          {"start", "was not ready within 15s and was killed in this step: start and handshake"},
	hostile.HangsInDescribe: {"start", "was not ready within 15s and was killed in this step: Describe"},
}
