"""DNS: the zone ``container.`` built from what runs, the authority that answers it, the proxy for all else."""
