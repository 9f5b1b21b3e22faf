"""Records topics into one MCAP file, message by message as they come over the wire."""

from __future__ import annotations

import os
import queue
import shutil
import sys
import time
from pathlib import Path
from typing import Dict, List, Tuple

import rospy

from rt_seg.recordings.bag import AnyBagError
from rt_seg.recordings.mcap_ros1 import Mcap1Writer
from rt_seg.ros.camera_topics import RECEIVE_BUFFER

HELD = 256
"""Messages that wait for the disk; further ones are dropped and counted. They are written after the end, too."""
MEGABYTE = 2**20


def record_mcap(topics: List[str], output: Path, seconds: float, min_free: int) -> int:
    """Record until Ctrl-C, for `seconds` (0: without end), or until fewer than `min_free` MB are free.

    The file has the ending .part until it is whole. Returns the exit code: 0, or 1 when nothing came or the disk is
    full.
    """
    rospy.init_node("record", anonymous=True, disable_signals=True)
    waiting: "queue.Queue[Tuple[str, rospy.AnyMsg, int]]" = queue.Queue(HELD)
    lost = 0

    def put(topic: str, message: rospy.AnyMsg) -> None:
        nonlocal lost
        try:
            waiting.put_nowait((topic, message, rospy.Time.now().to_nsec()))
        except queue.Full:
            lost += 1

    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f"{output.name}.part")
    try:
        writer = Mcap1Writer(temporary)
    except AnyBagError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    subscribers = [
        rospy.Subscriber(
            topic, rospy.AnyMsg, lambda message, topic=topic: put(topic, message), queue_size=None,
            buff_size=RECEIVE_BUFFER, tcp_nodelay=True,
        )
        for topic in topics
    ]  # fmt: skip
    channels: Dict[str, int] = {}
    taken, count, ended = 0, 0, "Ctrl-C"

    def write(topic: str, message: rospy.AnyMsg, moment: int) -> None:
        nonlocal taken, count
        taken += 1
        if topic not in channels:
            head = message._connection_header
            channels[topic] = writer.add_channel(
                topic, head["type"], head["message_definition"].encode("utf-8"),
                {"md5sum": head["md5sum"], "callerid": head.get("callerid", ""),
                 "latching": head.get("latching", "0")},
            )  # fmt: skip
        writer.write(channels[topic], moment, message._buff)
        count += 1

    deadline = time.monotonic() + seconds if seconds else float("inf")
    try:
        while time.monotonic() < deadline and not rospy.is_shutdown():
            if count % 64 == 0 and shutil.disk_usage(str(output.parent)).free < min_free * MEGABYTE:
                ended = f"fewer than {min_free} MB free"
                break
            try:
                write(*waiting.get(timeout=0.1))
            except queue.Empty:
                continue
        else:
            ended = f"{seconds:g} s" if time.monotonic() >= deadline else "the node was shut down"
    except KeyboardInterrupt:
        pass
    finally:
        for subscriber in subscribers:
            subscriber.unregister()
        try:
            while not waiting.empty():
                write(*waiting.get_nowait())
        except KeyboardInterrupt:
            pass  # a second one: whoever does not want to wait for the disk; the rest is counted
        lost += taken - count + waiting.qsize()
        writer.close()
    if not count:
        temporary.unlink()
        print("record: no messages received; nothing was written", file=sys.stderr)
        return 1
    os.replace(str(temporary), str(output))
    print(f"{output}: {count} messages, {output.stat().st_size / MEGABYTE:.0f} MB ({ended})")
    if lost:
        print(f"record: {lost} messages were lost: the disk was too slow", file=sys.stderr)
    return int("free" in ended)
