"""What people and CI run in a checkout, as ``python -m tools.NAME``: the demo, the stages of the tests, the model."""
