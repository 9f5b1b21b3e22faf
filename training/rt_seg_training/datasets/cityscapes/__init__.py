"""The Cityscapes data set with its official folders."""
