"""The foundation of loops and sessions: pools of threads, signals, sequences, followed files, probed connections."""
