"""What every loop of an agent stands on: pools of threads, signals, sequences, followed files, logs of libraries."""
