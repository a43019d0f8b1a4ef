"""The loops of an agent: they gather, call the planner, carry out its steps, and publish the results."""
