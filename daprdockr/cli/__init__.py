"""The command line ``daprdockrcmd``: it reads and writes definitions and shows what runs."""
