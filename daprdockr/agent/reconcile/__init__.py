"""The reconcile loop: gather, plan, carry out, repeat."""
