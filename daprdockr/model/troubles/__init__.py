"""The troubles of an agent, a module for each of its subjects."""
