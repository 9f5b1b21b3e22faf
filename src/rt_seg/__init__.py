"""rt_seg: real-time semantic segmentation of RGB-D streams (live half, TensorFlow-free)."""
