"""Example nodes that use the results of the segmentation node."""
