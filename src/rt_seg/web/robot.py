"""What the page needs of a robot."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, List, Optional

import numpy as np

STREAMS = ("overlay", "camera", "mask", "confidence", "depth")

Picture = Callable[[], np.ndarray]
"""Makes an (H, W, 3) uint8 RGB image; may raise ValueError for a message that is none."""


class Refused(Exception):
    """A wish that the robot does not fulfil; the text is for the person at the page."""


class Robot:
    """A source of pictures and numbers. Methods may block, and are called from threads of the server."""

    show: Callable[[str, Picture], None]
    """Set by the server: hand over the newest picture of a stream. Costs nothing unless it is sent."""

    def watch(self, streams: Optional[FrozenSet[str]]) -> None:
        """Which streams are viewed from now on; None without viewers, when no numbers are needed either."""
        raise NotImplementedError

    def state(self) -> Dict[str, Any]:
        """Numbers and words that change, as JSON."""
        raise NotImplementedError

    def settings(self) -> List[Dict[str, Any]]:
        """Settings that can be changed: name, type, default, value, help, and for numbers low and high."""
        raise NotImplementedError

    def models(self) -> List[str]:
        """Names of the models that can be loaded."""
        raise NotImplementedError

    def set(self, name: str, value: Any) -> str:
        """Change a setting; returns what to say. Raises Refused."""
        raise NotImplementedError

    def load_model(self, name: str) -> str:
        """Exchange the model. Raises Refused."""
        raise NotImplementedError

    def enable(self, enabled: bool) -> str:
        """Pause, or resume. Raises Refused."""
        raise NotImplementedError

    def save_frame(self) -> str:
        """Keep a frame. Raises Refused."""
        raise NotImplementedError

    def saved_frames(self) -> List[str]:
        """Names of the saved frames, the newest first."""
        raise NotImplementedError

    def saved_frame(self, name: str) -> Optional[np.ndarray]:
        """(H, W, 3) uint8 RGB of a saved frame; None where it is not one of `saved_frames`."""
        raise NotImplementedError
