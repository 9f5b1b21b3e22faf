"""Serves the live view of a ROS node until shutdown."""

from __future__ import annotations

import asyncio
import signal

import rospy
from aiohttp import web

from rt_seg.ros.web.ros_robot import RosRobot
from rt_seg.ros.web.web_settings import WebSettings
from rt_seg.web.access import LOOPBACK, Access
from rt_seg.web.server import LiveView


async def serve(settings: WebSettings) -> int:
    """Listen where the settings say; returns the exit code: 1 where the port is taken."""
    access = Access.of(settings.host, settings.token)
    view = LiveView(RosRobot(settings.node, settings.color_topic, settings.depth_topic), access, settings.rate)
    runner = web.AppRunner(view.application(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        rospy.logerr(
            f"live view cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another web_port:="
        )
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
