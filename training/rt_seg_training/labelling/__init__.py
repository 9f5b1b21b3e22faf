"""Making labels: foreground masks automatically."""
