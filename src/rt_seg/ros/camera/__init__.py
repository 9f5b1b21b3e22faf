"""Cameras as ROS nodes: drivers, publishers and their diagnostics."""
