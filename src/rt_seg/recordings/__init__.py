"""Image messages and the files of recordings, decoded in one place for node, capture, replay and predict. ROS-free."""
