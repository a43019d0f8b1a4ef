"""Sessions with the agents of nodes, for those who ask: command lines, and agents that hand an image on. Blocking."""
