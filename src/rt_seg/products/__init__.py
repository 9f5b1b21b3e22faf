"""What is made from a segmentation mask: pictures and scores, as plain NumPy and OpenCV."""
