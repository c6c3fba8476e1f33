package config

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for
// editors. It is committed as configs/carillon.schema.json.
func Schema() []byte { return nil }
