package send

// SendSchema returns the JSON Schema (draft 2020-12) of a send.
func SendSchema() []byte { return nil }

// StatusSchema returns the JSON Schema (draft 2020-12) of a status event.
func StatusSchema() []byte { return nil }
