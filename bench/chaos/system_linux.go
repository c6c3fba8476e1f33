package chaos

// checkSystem says whether faults can be made here.
func checkSystem() error { return nil }
