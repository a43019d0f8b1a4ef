"""Sockets of the DNS server, and limits on the answers that strangers get through them."""
