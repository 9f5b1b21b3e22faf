"""The ROS side of the live half: the only folder that imports rospy."""
