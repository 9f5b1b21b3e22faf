"""The services of the segmentation node. Each answers; none raises."""

from __future__ import annotations

from typing import Callable

import rospy
from std_srvs.srv import SetBool, SetBoolRequest, SetBoolResponse, Trigger, TriggerRequest, TriggerResponse

from rt_seg.bundle import BundleError
from rt_seg.msg import SegmentedObjects
from rt_seg.products.frame_folder import FrameFolderError
from rt_seg.ros.node.frame_requests import FrameRequests
from rt_seg.ros.node.frame_saver import FrameSaver
from rt_seg.ros.node.messages import objects_message
from rt_seg.srv import (
    GetObjects,
    GetObjectsRequest,
    GetObjectsResponse,
    LoadModel,
    LoadModelRequest,
    LoadModelResponse,
)

PATIENCE = 5.0
"""Seconds that a service waits for an image."""


class Services:
    """Advertises ~enable, ~get_objects, ~save_frame and ~load_model."""

    def __init__(
        self,
        requests: FrameRequests,
        saver: FrameSaver,
        topic: str,
        enable: Callable[[bool], None],
        load_model: Callable[[str], str],
        prefix: str = "~",
    ) -> None:
        """`enable` switches segmentation on and off; `load_model` exchanges the model, returns its title and
        raises BundleError; `topic` is that of the images, and `prefix` comes before the names of services."""
        self._requests = requests
        self._saver = saver
        self._no_image = (
            f"no image was segmented within {PATIENCE:.0f} s: is the camera publishing on {topic}, and is the node "
            "enabled (~enable)?"
        )
        self._enable = enable
        self._load = load_model
        self._services = [
            rospy.Service(f"{prefix}enable", SetBool, self._on_enable),
            rospy.Service(f"{prefix}get_objects", GetObjects, self._on_get_objects),
            rospy.Service(f"{prefix}save_frame", Trigger, self._on_save_frame),
            rospy.Service(f"{prefix}load_model", LoadModel, self._on_load_model),
        ]

    def close(self) -> None:
        """Withdraw the services."""
        for service in self._services:
            service.shutdown()

    def _on_enable(self, request: SetBoolRequest) -> SetBoolResponse:
        self._enable(request.data)
        return SetBoolResponse(True, "segmenting" if request.data else "paused until enabled again")

    def _on_get_objects(self, request: GetObjectsRequest) -> GetObjectsResponse:
        answer = self._requests.next_frame(PATIENCE)
        found = None if answer is None else answer[1].objects
        if answer is None or found is None:
            return GetObjectsResponse(False, self._no_image, SegmentedObjects())
        return GetObjectsResponse(True, "", objects_message(found, answer[1].labels))

    def _on_save_frame(self, request: TriggerRequest) -> TriggerResponse:
        answer = self._requests.next_frame(PATIENCE)
        if answer is None:
            return TriggerResponse(False, self._no_image)
        try:
            return TriggerResponse(True, str(self._saver.save(*answer)))
        except FrameFolderError as error:
            return TriggerResponse(False, str(error))

    def _on_load_model(self, request: LoadModelRequest) -> LoadModelResponse:
        try:
            return LoadModelResponse(True, self._load(request.bundle))
        except BundleError as error:
            return LoadModelResponse(False, str(error))
