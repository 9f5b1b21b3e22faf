"""The segmentation node: frames in, results out."""
