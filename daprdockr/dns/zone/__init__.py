"""What the zone holds: names of hosts, services and instances."""
