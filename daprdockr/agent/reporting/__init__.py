"""The agent's reports: names, routes, events, doubts, orphans."""
