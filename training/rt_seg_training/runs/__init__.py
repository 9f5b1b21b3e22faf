"""A training run and its folder: the loop, checkpoints, distribution, validation and reports."""
