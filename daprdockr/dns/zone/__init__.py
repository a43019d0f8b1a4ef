"""The zone ``container.``: the names of services and instances with their records, and the instances by address."""
