"""Renewing: one node of the cluster gets certificates by ACME for all."""
