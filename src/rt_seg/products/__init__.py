"""What is made from a segmentation mask: images and scores, as plain NumPy and OpenCV."""
