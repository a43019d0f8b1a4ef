"""Programs for people and CI in a checkout, run as ``python -m tools.NAME``: demo, stages of the tests, model."""
