"""Tests of the status page's text."""
