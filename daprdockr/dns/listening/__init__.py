"""Sockets of the DNS server, and limits on what strangers get through them."""
