"""Augmented copies of a labelled folder, by a recipe."""
