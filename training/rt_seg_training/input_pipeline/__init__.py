"""From a built data set to batches: order, crops, and random changes of images and depth."""
