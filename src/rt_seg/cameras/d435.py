"""Numbers of a RealSense D435: the camera that is simulated, and imitated on the depth of training images.

Depth noise: for a stereo camera the error of depth grows with its square,
    sigma = depth**2 * subpixel / (focal * baseline),
J. Sweetser and A. Grunnet-Jepsen, "BKMs for Tuning Intel RealSense D4xx Depth Cameras" (Intel, section "Depth RMS
error"); also Keselman et al., "Intel RealSense Stereoscopic Depth Cameras", CVPR Workshops 2017, arXiv:1705.05548.
"""

from __future__ import annotations

BASELINE = 0.050
"""Distance between the two infrared imagers, metres (Intel RealSense D400 series data sheet)."""
FOCAL_RATIO = 0.62
"""Focal length of the infrared imagers in pixels over that of the colour camera, at equal image width."""
COLOR_FOCAL_LENGTH = 0.9
"""Focal length of the colour camera over its image width, about; so for most cameras that robots carry. Trained
networks with depth hold it: another number would be another network."""
NOMINAL_FOCAL_LENGTH = 0.96
"""The same at 640x480, taken for images without intrinsics."""
FOCAL_BASELINE = 19.0
"""Focal length of an infrared imager times baseline at 640 pixels of width, pixel · metre: disparity = this / depth."""
REFERENCE_WIDTH = 640
"""Pixels; FOCAL_BASELINE shrinks with narrower images."""
SUBPIXEL = 0.08
"""Matching error, pixels; the value Intel gives for a well textured, well lit target."""
LARGEST_NOISE = 0.004
"""Standard deviation of depth over its square, 1/m, up to which it is imitated: about SUBPIXEL / FOCAL_BASELINE."""
MINIMUM_DEPTH, MAXIMUM_DEPTH = 0.28, 6.0
"""Range in which depth is measured, metres."""
