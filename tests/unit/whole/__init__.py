"""Whole agents in memory: what a person sees."""
