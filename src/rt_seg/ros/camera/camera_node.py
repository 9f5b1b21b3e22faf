"""Publishes any camera under the topic contract of realsense2_camera, and reopens it when it is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict

import rospy

from rt_seg.cameras.errors import CameraError, CameraFault, CameraSettingError
from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.camera.camera_diagnostics import CameraDiagnostics
from rt_seg.ros.camera.camera_publisher import CameraPublisher
from rt_seg.ros.camera_topics import COLOR
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.ros.master_watch import MasterWatch
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """rosrun rt_seg camera_node _source:=webcam _device:=0
rosrun rt_seg camera_node _source:=realsense_sdk _width:=848 _height:=480
rosrun rt_seg camera_node _source:=simulated _seed:=3

`roslaunch rt_seg live.launch camera:=webcam` starts it with a segmentation node; launch/camera.launch explains the
parameters."""

SOURCES = ("realsense_sdk", "webcam", "video", "simulated")
RETRY = 2.0
"""Seconds before a lost camera is opened again."""
REMINDER = 10.0
"""Seconds between two identical log lines about a camera that stays disconnected."""


@dataclass(frozen=True)
class CameraSettings:
    """Private parameters."""

    source: str = setting("realsense_sdk", "kind of camera", accepted=SOURCES)
    camera: str = setting("camera", "namespace of the topics")
    serial_no: str = setting("", "realsense_sdk: serial number of one of several cameras")
    sdk_recording: str = setting("", "realsense_sdk: recording of the RealSense viewer to play instead of a camera")
    width: int = setting(640, "pixels of colour and depth", 1, 16384)
    height: int = setting(480, "pixels of colour and depth", 1, 16384)
    fps: int = setting(30, "frames per second of colour and depth", 1, 1000)
    initial_reset: bool = setting(False, "realsense_sdk: reset the camera first")
    filters: str = setting("", "realsense_sdk: any of decimation,spatial,temporal,hole_filling")
    clip_distance: float = setting(-2.0, "realsense_sdk: metres beyond which depth is 0; negative: none", -100.0, 100.0)
    options: str = setting("", "realsense_sdk: such as color.exposure=150,depth.laser_power=100")
    json_file: str = setting("", "realsense_sdk: settings saved by the RealSense viewer")
    device: str = setting("0", "webcam: number, path, or address of a network camera")
    video: str = setting("", "video: the file")
    speed: float = setting(1.0, "video: playback speed, seconds per second", 0.01, 100.0)
    calibration: str = setting(
        "", "webcam, video: calibration file of camera_calibration; without it there is no camera info"
    )
    loop: bool = setting(False, "video, sdk_recording: restart at the end")
    seed: int = setting(3, "simulated: random seed of scene and path", 0, 2**31)
    recipe: str = setting("", "simulated: scene recipe, a file or the name of a shipped one")


FILES = ("sdk_recording", "json_file", "video", "calibration", "recipe")
"""Parameters that name files."""


def open_source(settings: CameraSettings, reset_first: bool) -> Any:
    """The source of frames that the settings name: an iterable of Frame with `close`, `description` and
    `color_placement`. `reset_first` restarts a RealSense before. Raises CameraError."""
    if settings.source == "realsense_sdk":
        return _open_realsense(settings, reset_first)
    if settings.source == "simulated":
        from rt_seg.simulation.camera import SimulatedCamera

        recipe = Path(settings.recipe) if settings.recipe else None
        return SimulatedCamera(settings.seed, settings.width, settings.height, settings.fps, recipe)
    from rt_seg.cameras.video import Video, Webcam, load_calibration

    calibration = load_calibration(Path(settings.calibration)) if settings.calibration else None
    if settings.source == "webcam":
        return Webcam(settings.device, calibration, settings.width, settings.height, settings.fps)
    return Video(Path(settings.video), calibration, settings.loop, settings.speed)


def _open_realsense(settings: CameraSettings, reset_first: bool) -> Any:
    from rt_seg.cameras.realsense import RealSenseCamera, RealSenseSettings
    from rt_seg.cameras.realsense_device import find_device, open_recording, reset

    chosen = RealSenseSettings(settings.width, settings.height, settings.fps, settings.filters, settings.clip_distance,
                               settings.options, settings.json_file, settings.loop)  # fmt: skip
    if settings.sdk_recording:
        return RealSenseCamera(open_recording(settings.sdk_recording), chosen)
    device = find_device(settings.serial_no)
    if reset_first:
        rospy.logwarn("resetting the camera; this takes a few seconds")
        device = reset(device)
    return RealSenseCamera(device, chosen)


def run(settings: CameraSettings, open_source: Callable[[CameraSettings, bool], Any] = open_source) -> None:
    """Publish until the node is shut down, or a file has ended. Raises CameraSettingError."""
    diagnostics = CameraDiagnostics(settings.camera)
    try:
        _publish(settings, open_source, CameraPublisher(settings.camera), diagnostics)
    finally:
        diagnostics.stop()


def _publish(
    settings: CameraSettings,
    open_source: Callable[[CameraSettings, bool], Any],
    publisher: CameraPublisher,
    diagnostics: CameraDiagnostics,
) -> None:
    reset_first = settings.initial_reset
    while not rospy.is_shutdown():
        source = None
        try:
            source = open_source(settings, reset_first)
            reset_first = False
            publisher.place(source.color_placement)
            if getattr(source, "labels", None) is not None:
                publisher.announce(source.labels)
            diagnostics.opened(source.description)
            rospy.loginfo(f"{source.description}: streaming on /{settings.camera}/{COLOR}")
            for frame in source:
                if rospy.is_shutdown():
                    return
                diagnostics.saw(frame)
                publisher.publish(frame, getattr(source, "calibrated", True))
            rospy.loginfo(f"{source.description}: end of stream")
            return
        except CameraSettingError:
            raise
        except CameraError as error:
            # A camera that is there and gives nothing is cured by a reset, one that is away is not.
            reset_first = isinstance(error, CameraFault)
            diagnostics.failed(str(error))
            # Once, and now and then: whoever starts it looks at the terminal, and it may be away for hours.
            rospy.logerr_throttle_identical(REMINDER, f"{error}; retrying every {RETRY:.0f} s")
        finally:
            if source is not None:
                source.close()
        rospy.rostime.wallsleep(RETRY)


def main() -> int:
    """Run the node; returns 2 when its settings cannot be used, 1 when the ROS master was restarted."""
    node_arguments("camera_node", __doc__, [CameraSettings], EXAMPLE)
    init_node("camera")
    master = MasterWatch()
    try:
        parameters = rospy.get_param("~", {})
        if isinstance(parameters.get("device"), int):
            parameters["device"] = str(parameters["device"])  # rosrun makes a number of _device:=0
        settings = read_settings(CameraSettings, parameters, f"node {rospy.get_name()}")
        named = {name: getattr(settings, name) for name in FILES}
        files: Dict[str, Any] = {name: str(caller_path(text)) for name, text in named.items() if text}
        settings = replace(settings, **files)
        if settings.source == "video" and not Path(settings.video).is_file():
            raise SettingsError(f"video:={settings.video}: no such file; pass video:=clip.mp4")
        run(settings)
    except (SettingsError, CameraSettingError) as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)
        return BAD_INPUT
    except rospy.ROSException:
        if not rospy.core.is_shutdown_requested():  # publishing on a topic closed by the shutdown is no failure
            raise
    if not rospy.is_shutdown():
        end_launch()
    return int(master.lost)
