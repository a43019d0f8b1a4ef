"""The reconcile loop: gather, plan, carry out, look again."""
