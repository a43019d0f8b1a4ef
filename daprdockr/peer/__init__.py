"""The agent's listener for sessions: logs, commands and connections, for all who can write to etcd."""
