"""The topic contract of realsense2_camera with align_depth:=true, relative to the camera's namespace."""

COLOR = "color/image_raw"
COLOR_INFO = "color/camera_info"
DEPTH = "aligned_depth_to_color/image_raw"
DEPTH_INFO = "aligned_depth_to_color/camera_info"
RAW_DEPTH = "depth/image_rect_raw"
RAW_DEPTH_INFO = "depth/camera_info"
"""Depth before it is aligned, in the frame of its own sensor."""
COLOR_COMPRESSED = f"{COLOR}/compressed"
DEPTH_COMPRESSED = f"{DEPTH}/compressedDepth"
"""The same by image_transport's plug-ins."""
GROUND_TRUTH = "ground_truth/mask"
"""Not the driver's: true class ids (mono8), which recordings of simulated or labelled scenes carry beside it."""
GROUND_TRUTH_LABELS = "ground_truth/labels"
"""What they mean (rt_seg/LabelInfo, latched): without it, nobody can say whether a mask is right."""

OPTICAL_FRAME = "camera_color_optical_frame"
"""Frame of colour and of depth aligned to it: x right, y down, z forward (REP 103)."""

RECEIVE_BUFFER = 2**24
"""Bytes that a subscriber of images reads at once. rospy's own 65536 hold no whole image, and old images then pile up
in the socket in spite of queue_size=1."""
