"""Bags and image folders: recording, replaying, capturing and reading them."""
