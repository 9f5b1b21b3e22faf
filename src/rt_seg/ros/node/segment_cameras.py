"""Several cameras in one process: like segmentation_node for each, with one engine and one set of weights."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Any, Dict, Mapping

from rt_seg.ros.node.segmentation_node import SegmentationNode, engine_settings

# isort: split
import rospy

from rt_seg.bundle import BundleError
from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.ros.master_watch import MasterWatch
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.model import load_model
from rt_seg.ros.node.names import Names
from rt_seg.ros.node.segmentation_settings import read_all_settings
from rt_seg.settings import SettingsError, read_settings
from rt_seg.shared_engines import EnginePool

EXAMPLE = """rosrun rt_seg segment_cameras _cameras:='{left: tabletop, right: tabletop}'

Usually started by: roslaunch rt_seg live.launch camera:=several cameras:=FILE, if the file has `processes: one`.
Its other parameters are those of segmentation_node; topics and services of each camera are below /NAME/segmentation."""


@dataclass(frozen=True)
class CamerasSettings:
    """Private parameters beside those of segmentation_node, which all cameras share."""

    cameras: Mapping[str, str] = field(default_factory=dict)
    """Folder or name of the model bundle, by the camera's name."""


def start_camera(name: str, bundle: str, shared: Mapping[str, Any], pool: EnginePool) -> SegmentationNode:
    """Load a camera's model, or take part in it, and advertise its topics. Raises SettingsError, BundleError."""
    names = Names.of_camera(name)
    settings, adjustable = read_all_settings({**shared, "bundle": bundle}, names.node, rospy.logwarn)
    for entry in fields(AdjustableSettings):
        # From where dynamic_reconfigure reads its first values. What is there was set after start_cameras deleted the
        # parameters of an earlier run, and survives a respawn.
        if not rospy.has_param(names.results + entry.name):
            rospy.set_param(names.results + entry.name, getattr(adjustable, entry.name))
    model = load_model(settings.bundle, engine_settings(settings), pool=pool)
    rospy.loginfo(f"{name}: model {model.title} from {model.bundle.folder}: {model.segmenter.description}")
    return SegmentationNode(settings, adjustable, model, names, pool)


def _run(name: str, node: SegmentationNode) -> None:
    try:
        node.run()
    except Exception as error:  # the other cameras go on
        rospy.logfatal(f"{name}: {type(error).__name__}: {error}; this camera is no longer segmented")


def main() -> int:
    """Run until shutdown; returns 0 then, 2 when settings or a model bundle cannot be used, 1 when the ROS master was
    restarted or no camera is left."""
    node_arguments("segment_cameras", __doc__, [CamerasSettings], EXAMPLE)
    init_node("segment_cameras")
    master = MasterWatch()
    parameters: Dict[str, Any] = dict(rospy.get_param("~", {}))
    pool = EnginePool()
    nodes: Dict[str, SegmentationNode] = {}
    try:
        cameras = read_settings(
            CamerasSettings, {"cameras": parameters.pop("cameras", {})}, f"node {rospy.get_name()}"
        ).cameras
        if not cameras:
            raise SettingsError(f"node {rospy.get_name()}: cameras is empty; expected a model for each camera's name")
        for name, bundle in cameras.items():
            nodes[name] = start_camera(name, bundle, parameters, pool)
    except (SettingsError, BundleError) as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)
        return BAD_INPUT
    rospy.loginfo(f"{len(nodes)} camera(s), {len(pool.engines)} network(s) loaded: {', '.join(nodes)}")
    threads = [threading.Thread(target=_run, args=item, name=item[0], daemon=True) for item in nodes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if master.lost or not rospy.is_shutdown():
        end_launch(failed=True)
        return 1
    return 0
