"""Models on a server: its runtime, and the folders that inference servers read."""
