"""Renewing: which host names should have a certificate by ACME, and when the next attempt for one is due."""
