"""
DNS: the zone ``container.`` made from healthy instances, the authority that answers from it, and the proxy for all
other names.
"""
