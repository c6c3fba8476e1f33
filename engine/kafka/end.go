package kafka

// End returns what Next will be once Records has handed everything over, from
// the batches' headers alone: so that the next fetch need not wait for it.
func (f *Fetched) End() int64 {
	end := f.offset
	for raw := f.raw; len(raw) > 0; {
		b, rest, reason := cutBatch(raw)
		if b == nil || reason != "" {
			break
		}
		end = max(end, b.next())
		raw = rest
	}
	return end
}
