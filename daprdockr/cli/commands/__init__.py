"""The commands of ``daprdockrcmd``, a module and a declaration each."""
