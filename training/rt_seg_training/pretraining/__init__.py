"""Pre-training: a network without weights of its own learns the features of one that has them, from any images."""
