"""Scores of a model on labelled frames, and the report on them."""
