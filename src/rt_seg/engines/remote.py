"""The remote engine: the network runs on a server that speaks the Open Inference Protocol (KServe v2) by gRPC.

Triton, OpenVINO Model Server and MLServer do. The image is sent at the network's size, and logits come back; what
follows, the ids among it, is computed here. Servers of typed tensors get uint8 and float32; for MLServer see
`rt_seg.serving.segmentation_runtime`.
"""

from __future__ import annotations

import os
import socket
from io import BytesIO
from typing import Any, Dict, List, Optional

import cv2
import numpy as np

from rt_seg.bundle import Bundle, BundleError
from rt_seg.engines.network_inputs import NetworkInputs

RAW, JPEG = "raw", "jpeg"
ENCODINGS = (RAW, JPEG)
JPEG_QUALITY = 90
CONNECT_SECONDS = 0.5
"""Timeout of the request whether a server is ready."""
_OPTIONS = [
    ("grpc.max_send_message_length", 2**26), ("grpc.max_receive_message_length", 2**26),
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500),
]  # fmt: skip


class RemoteError(RuntimeError):
    """The server gave no logits; `refused`: it answers, but had no time for this image."""

    def __init__(self, text: str, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class RemoteEngine:
    """A bundle's network on a server. `connect` first; each failure raises RemoteError."""

    runtime = "remote"

    def __init__(self, bundle: Bundle, server: str, encoding: str = RAW, deadline: float = 0.25) -> None:
        """
        Args:
            server: HOST:PORT of gRPC; its model bears the bundle's name.
            encoding: `raw`, or `jpeg` for a tenth of the bytes and other masks at some borders (MLServer alone).
            deadline: seconds until the logits must be here.

        Raises BundleError where the client is not installed.
        """
        try:
            import tritonclient.grpc as client
        except ImportError as error:
            raise BundleError(
                f"runtime remote: tritonclient cannot be imported ({error}). Install it: pip install -r "
                "requirements-remote.txt"
            ) from error
        self._client_module = client
        self._bundle, self.server, self._encoding, self.deadline = bundle, server, encoding, deadline
        self._inputs = NetworkInputs(bundle.input)
        self._client: Any = None
        self._names: List[str] = []
        self._output = "logits"
        self._as_bytes = False
        # By which a server tells its clients apart; of those with one name, the newest image alone is worked on.
        self._name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self.description = f"remote {server}, {encoding} images"

    def connect(self) -> None:
        """Find the server and the model's tensors, and run the network once."""
        self.close()
        module = self._client_module
        try:
            client = module.InferenceServerClient(self.server, channel_args=_OPTIONS)
            if not client.is_model_ready(self._bundle.name, client_timeout=CONNECT_SECONDS):
                raise RemoteError(f"{self.server}: has no model {self._bundle.name} that is ready")
            metadata = client.get_model_metadata(self._bundle.name, client_timeout=CONNECT_SECONDS)
        except module.InferenceServerException as error:
            raise RemoteError(f"{self.server}: {_words(error)}") from error
        self._as_bytes = all(tensor.datatype == "BYTES" for tensor in metadata.inputs)
        if self._as_bytes:
            self._names = ["image", "depth"][: len(self._inputs.shapes)]
        else:
            if self._encoding == JPEG:
                kind = metadata.inputs[0].datatype
                raise RemoteError(f"{self.server}: expects tensors of {kind}; server_encoding must be raw")
            try:
                # Which of its inputs is the image, and which the depth, by their shapes.
                places = self._inputs.places([list(tensor.shape) for tensor in metadata.inputs], self._bundle.folder)
            except BundleError as error:
                raise RemoteError(f"{self.server}: {error}") from error
            self._names = [metadata.inputs[place].name for place in places]
        self._output = metadata.outputs[0].name
        self._client = client
        spec = self._bundle.input
        self.logits(np.zeros((spec.height, spec.width, 3), np.uint8))

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        if self._client is None:
            raise RemoteError(f"{self.server}: not connected")
        module = self._client_module
        arrays = self._inputs.arrays(rgb, depth)
        parameters: Dict[str, Any] = {}
        if self._as_bytes:
            given = [self._image_bytes(rgb), *([arrays[1].tobytes()] if depth is not None and arrays[1:] else [])]
            names = ["jpeg" if self._encoding == JPEG else "image", "depth"]
            inputs = [module.InferInput(name, [1], "BYTES").set_data_from_numpy(np.array([data], object))
                      for name, data in zip(names, given)]  # fmt: skip
            parameters = {"client": self._name, "deadline_ms": int(self.deadline * 1e3)}
        else:
            kinds = ("UINT8", "FP32")
            inputs = [module.InferInput(name, list(array.shape), kind).set_data_from_numpy(array)
                      for name, array, kind in zip(self._names, arrays, kinds)]  # fmt: skip
        try:
            answer = self._client.infer(
                self._bundle.name, inputs, client_timeout=self.deadline, parameters=parameters or None
            )
        except module.InferenceServerException as error:
            status = str(error.status())
            raise RemoteError(
                f"{self.server}: {_words(error)}", refused="UNAVAILABLE" not in status and "DEADLINE" not in status
            ) from error
        found = answer.as_numpy(self._output)
        try:
            logits = np.load(BytesIO(found[0]), allow_pickle=False) if self._as_bytes else found[0]
        except (TypeError, ValueError, IndexError) as error:
            raise RemoteError(f"{self.server}: {self._output} cannot be read: {error}") from error
        classes = len(self._bundle.labels)
        if logits.ndim != 3 or logits.dtype != np.float32 or logits.shape[2] != classes:
            raise RemoteError(
                f"{self.server}: {self._output} of shape {logits.shape} and type {logits.dtype}; expected are float32 "
                f"(h, w, {classes}) of {self._bundle.name} {self._bundle.version}"
            )
        return logits

    def _image_bytes(self, rgb: np.ndarray) -> bytes:
        if self._encoding == RAW:
            return rgb.tobytes()
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _words(error: Any) -> str:
    status = str(error.status() or "").replace("StatusCode.", "")
    return " ".join(f"{status} {error.message()}".split())[:200]
