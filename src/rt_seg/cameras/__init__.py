"""ROS-free sources of RGB-D frames, and the frame they all yield."""
