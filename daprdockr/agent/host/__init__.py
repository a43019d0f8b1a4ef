"""This host: its Docker Engine, its containers, their health and their ports."""
