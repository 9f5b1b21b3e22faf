"""Making labels: foreground masks without hands."""
