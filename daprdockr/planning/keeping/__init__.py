"""Decisions of the node that has an instance: about its containers, and about the record it reports."""
