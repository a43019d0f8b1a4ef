"""The foundation of every loop of an agent: pools of threads, signals, sequences, followed files, logs of libraries."""
