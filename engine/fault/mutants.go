package fault

// The mutants. Each is one line where the engine would do otherwise.
const (
	CommitBeforeAck       = "commit-before-ack"
	MaxInsteadOfWatermark = "max-instead-of-watermark"
)

// Mutants returns all mutants.
func Mutants() []Named {
	return []Named{
		{CommitBeforeAck, "an input is done as soon as its outcome is on its way, acknowledged or not"},
		{MaxInsteadOfWatermark, "what is committed is the newest record that was taken in"},
	}
}
