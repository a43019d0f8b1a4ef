"""A process of its own that relays TCP connections and UDP datagrams from ports of this node to instances."""
