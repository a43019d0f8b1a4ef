"""The two commands of the README, typed on hosts that are nothing but a fresh Debian."""
