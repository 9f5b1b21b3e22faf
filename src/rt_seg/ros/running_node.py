"""Queries a running segmentation node: prints its parameters as JSON, or loads another model into it.

python -m rt_seg.ros.running_node facts /segmentation
python -m rt_seg.ros.running_node load /segmentation BUNDLE
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Dict, List, Optional

import rospy

from rt_seg.command_line import BAD_INPUT, DONE, FOUND
from rt_seg.ros.caller_folder import caller_path
from rt_seg.srv import LoadModel

PATIENCE = 10.0
"""Seconds to wait for the node, and for it to load a model; the node itself waits no longer."""


class NoNodeError(RuntimeError):
    """The node does not exist; the text says what to start."""


def facts(node: str) -> Dict[str, Any]:
    """`save_folder`, where it keeps frames, and `bundle`, what it was started with. Raises NoNodeError."""
    import rosgraph

    if not rosgraph.is_master_online():
        raise NoNodeError("no ROS master responds: is the node running on this machine (roslaunch rt_seg live.launch)?")
    folder = rospy.get_param(f"{node}/save_folder", None)
    if folder is None:
        raise NoNodeError(f"{node}: no such node; `rosnode list` shows the running nodes")
    return {"save_folder": str(caller_path(folder)), "bundle": str(rospy.get_param(f"{node}/bundle", ""))}


def load(node: str, bundle: str) -> str:
    """Exchange its model; returns the title of the one now loaded. Raises NoNodeError with what the node said."""
    try:
        rospy.wait_for_service(f"{node}/load_model", timeout=PATIENCE)
        answer = rospy.ServiceProxy(f"{node}/load_model", LoadModel)(bundle)
    except (rospy.ROSException, rospy.ServiceException) as error:
        raise NoNodeError(f"{node}/load_model: {error}") from error
    if not answer.success:
        raise NoNodeError(answer.message)
    return str(answer.message)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("facts", "load"))
    parser.add_argument("node")
    parser.add_argument("bundle", nargs="?")
    options = parser.parse_args(arguments)
    node = "/" + options.node.strip("/")
    try:
        if options.what == "facts":
            print(json.dumps(facts(node)))
        elif options.bundle is None:
            parser.error("load: missing the model bundle")
        else:
            print(load(node, options.bundle))
    except NoNodeError as error:
        print(f"running_node: {error}", file=sys.stderr)
        return FOUND if options.what == "load" else BAD_INPUT
    return DONE


if __name__ == "__main__":
    sys.exit(main())
