"""Masks of images, videos and bags from a model bundle."""
