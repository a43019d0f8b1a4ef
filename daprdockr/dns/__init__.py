"""
DNS: the zone ``container.`` made from healthy instances, the authority that answers from it, and the forwarder of
all other names.
"""
