// Package rate shows whether several nodes together keep the rate of a provider
// that counts by itself, while one of them leaves and another one joins, and
// whether they use it: `carillon bench rate`.
package rate
