"""Which images of a stream are worth keeping, and how they are kept: the parts of `capture`. ROS-free."""
