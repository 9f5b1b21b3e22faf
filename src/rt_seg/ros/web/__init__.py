"""Connects the live view with a running graph."""
