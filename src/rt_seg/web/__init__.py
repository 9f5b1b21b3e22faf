"""The live view in a browser. ROS-free: it is handed images and numbers, and hands back wishes."""
