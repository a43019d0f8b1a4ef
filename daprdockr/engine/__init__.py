"""The Docker Engine: the only room that knows docker-py."""
