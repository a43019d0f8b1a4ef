"""From a query to an answer out of the zone, or to the word that others have to be asked."""
