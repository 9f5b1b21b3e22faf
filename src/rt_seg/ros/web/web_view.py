"""The live view in a browser: images, statistics and settings of a segmentation node, on a page of this computer."""

from __future__ import annotations

import asyncio

import rospy

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.web.web_settings import WebSettings
from rt_seg.settings import SettingsError, read_settings

EXAMPLE = """rosrun rt_seg web_view
rosrun rt_seg web_view _host:=0.0.0.0 _port:=8090

Then open the address that it prints. `roslaunch rt_seg live.launch viewer:=web` starts it with the rest."""


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
    from rt_seg.ros.web.serving import serve  # aiohttp and OpenCV load slowly: not for --help

    return asyncio.run(serve(settings))
