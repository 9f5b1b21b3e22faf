"""Keeps the masks that come, by stamp, until the node is ended; compares two such files.

collect_masks.py collect FILE.npz
collect_masks.py compare FILE.npz OTHER.npz
"""

import sys

import numpy as np


def collect(path):
    """Write the masks of /segmentation/mask."""
    import rospy
    from sensor_msgs.msg import Image

    masks = {}

    def keep(message):
        pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)
        masks[str(message.header.stamp.to_nsec())] = pixels.copy()

    rospy.init_node("collect_masks")
    rospy.Subscriber("/segmentation/mask", Image, keep, queue_size=None, buff_size=2**24)
    rospy.spin()
    np.savez_compressed(path, **masks)


def compare(first, second):
    """Say how many pixels differ; 1 where one lacks a mask, or more than one pixel in a thousand differs."""
    one, other = np.load(first), np.load(second)
    if not one.files or set(one.files) != set(other.files):
        print(f"FAILED: {len(one.files)} and {len(other.files)} masks, not of the same stamps")
        return 1
    shares = [float(np.mean(one[name] != other[name])) for name in one.files]
    same = sum(share == 0.0 for share in shares)
    print(f"{same} of {len(shares)} masks are equal bit by bit; in all {np.mean(shares):.6%} of the pixels differ, "
          f"at most {max(shares):.6%} of a mask")  # fmt: skip
    return int(max(shares) > 1e-3)


if __name__ == "__main__":
    sys.exit({"collect": collect, "compare": compare}[sys.argv[1]](*sys.argv[2:]))
