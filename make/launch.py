"""roslaunch for `make live`: the exit code says whether a node failed, which roslaunch's own does not."""

from __future__ import annotations

import signal
import sys
from typing import Any, List, Set

import roslaunch
from roslaunch.pmon import ProcessListener


class Failures(ProcessListener):
    """Whether a node ended with an error without which the launch cannot go on."""

    def __init__(self) -> None:
        self.required: Set[str] = set()
        self.found = False

    def process_died(self, process_name: str, exit_code: Any) -> None:
        """Called by roslaunch, with the node's name and a number; not for the nodes that it ends itself."""
        name = process_name.rpartition("-")[0].rpartition("/")[2]
        self.found = self.found or bool(exit_code) and name in self.required


def main(arguments: List[str]) -> int:
    """Run PACKAGE FILE ARGUMENT:=VALUE...; returns 1 when a node failed, or asked for the end because of a failure."""
    failures, asked = Failures(), []
    # A node that cannot work says so (rt_seg.ros.launch_end) before it asks for the end.
    signal.signal(signal.SIGUSR1, lambda number, frame: asked.append(number))
    try:
        run_id = roslaunch.rlutil.get_or_generate_uuid(None, False)
        roslaunch.configure_logging(run_id)
        files = roslaunch.rlutil.resolve_launch_arguments(arguments)
        given = [argument for argument in arguments if ":=" in argument]
        parent = roslaunch.parent.ROSLaunchParent(
            run_id, [(files[0], given)], is_core=False, process_listeners=[failures]
        )
        parent.start()
        failures.required = {node.name for node in parent.config.nodes if node.required}
        parent.spin()
    except roslaunch.RLException as error:
        print(f"rt_seg: {error}", file=sys.stderr)
        return 1
    return 1 if asked or failures.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
