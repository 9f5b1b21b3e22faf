"""Labelled data sets of rendered scenes."""
