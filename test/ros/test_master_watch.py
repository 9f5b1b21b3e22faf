"""A ROS master that goes away and comes back: the nodes say so, and end where it no longer knows them."""

import os
import signal
import subprocess

import cv2
import numpy as np
import pytest
from color_bundle import write_color_bundle
from ros_master import free_port, start_master
from waiting import wait_for

pytest.importorskip("rosgraph", reason="ROS is not on the Python path")


@pytest.mark.slow
def test_nodes_outlast_a_master_that_is_away_and_end_when_another_one_does_not_know_them(tmp_path):
    film = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    for _ in range(5):
        film.write(np.zeros((48, 64, 3), np.uint8))
    film.release()
    port = free_port()
    environment = {**os.environ, "ROS_MASTER_URI": f"http://localhost:{port}", "ROS_HOSTNAME": "localhost"}
    commands = {
        "camera": ["camera_node", "_source:=video", f"_video:={tmp_path / 'clip.avi'}", "_loop:=true"],
        "segmentation": ["segmentation_node", f"_bundle:={write_color_bundle(tmp_path / 'color')}"],
    }
    started = [start_master(port)]
    logs = {name: tmp_path / f"{name}.txt" for name in commands}
    try:
        nodes = {}
        for name, command in commands.items():
            with open(logs[name], "wb") as output:
                nodes[name] = subprocess.Popen(["rosrun", "rt_seg", *command], env=environment, stdout=output,
                                               stderr=subprocess.STDOUT)  # fmt: skip
        started += nodes.values()

        def said(words):
            return all(words in log.read_text(errors="replace") for log in logs.values())

        assert wait_for(lambda: "streaming" in logs["camera"].read_text())
        assert wait_for(lambda: "model color" in logs["segmentation"].read_text())
        started[0].send_signal(signal.SIGINT)
        started[0].wait(10)
        assert wait_for(lambda: said("does not respond: existing connections continue"))
        assert all(node.poll() is None for node in nodes.values())
        started.append(start_master(port))
        for name, node in nodes.items():
            assert node.wait(40) == 1, logs[name].read_text()
        assert said(f"the ROS master at http://localhost:{port} was restarted and no longer knows")
        assert not any("Traceback" in log.read_text() for log in logs.values())
    finally:
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
