"""From a query to an answer out of the zone, or to the decision that an upstream must be asked."""
