"""Probes: what can be read from frozen or tuned features."""
