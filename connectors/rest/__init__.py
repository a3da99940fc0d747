"""Registries that answer over HTTP."""
