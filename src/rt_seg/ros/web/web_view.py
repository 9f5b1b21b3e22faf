"""The live view in a browser: images, numbers and settings of a segmentation node, on a page of this computer."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

import rospy
from aiohttp import web

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.web.ros_robot import RosRobot
from rt_seg.settings import SettingsError, read_settings, setting
from rt_seg.web.access import LOOPBACK, Access
from rt_seg.web.server import LiveView

EXAMPLE = """rosrun rt_seg web_view
rosrun rt_seg web_view _host:=0.0.0.0 _port:=8090

Then open the address that it prints. `roslaunch rt_seg live.launch viewer:=web` starts it with the rest."""


@dataclass(frozen=True)
class WebSettings:
    """Private parameters."""

    node: str = setting("/segmentation", "the segmentation node")
    color_topic: str = setting("/camera/color/image_raw", "images that it segments")
    depth_topic: str = setting("/camera/aligned_depth_to_color/image_raw", "depth aligned to them")
    host: str = setting("127.0.0.1", "address to listen at; 0.0.0.0 for other computers, which need a token")
    port: int = setting(8080, "port to listen at", 1, 65535)
    token: str = setting("", "token for other computers; empty makes one")
    rate: float = setting(10.0, "images per second of each stream", 0.1, 60.0)


def main() -> int:
    """Serve until shutdown; returns the exit code."""
    node_arguments("web_view", __doc__, [WebSettings], EXAMPLE)
    init_node("web_view", disable_signals=True)
    try:
        parameters = rospy.get_param("~", {})
        if isinstance(parameters.get("token"), (int, float)):
            parameters["token"] = str(parameters["token"])  # a number to YAML
        settings = read_settings(WebSettings, parameters, f"node {rospy.get_name()}")
    except SettingsError as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    return asyncio.run(_serve(settings))


async def _serve(settings: WebSettings) -> int:
    access = Access.of(settings.host, settings.token)
    view = LiveView(RosRobot(settings.node, settings.color_topic, settings.depth_topic), access, settings.rate)
    runner = web.AppRunner(view.application(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        rospy.logerr(f"no live view at {settings.host}:{settings.port}: {error.strerror}; choose another web_port:=")
        await runner.cleanup()
        return 1
    print(f"[rt_seg] live view: {address(settings, access)}", flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    rospy.on_shutdown(lambda: loop.call_soon_threadsafe(ended.set))
    await ended.wait()
    await runner.cleanup()
    rospy.signal_shutdown("the live view has ended")
    return 0


def address(settings: WebSettings, access: Access) -> str:
    """Where to look, with the token that is needed there; and how from another computer."""
    if settings.host in LOOPBACK:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return (
            f"http://{host}:{settings.port}  (from another computer: ssh -L {settings.port}:{host}:{settings.port} "
            "USER@ROBOT, then the same address)"
        )
    host = "ROBOT" if settings.host in ("0.0.0.0", "::") else settings.host
    return f"http://{host}:{settings.port}/?token={access.token}"
