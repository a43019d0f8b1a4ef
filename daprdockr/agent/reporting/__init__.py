"""What the agent reports to others: names, routes, events, doubts, orphans."""
