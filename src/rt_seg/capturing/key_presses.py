"""Keys pressed in the terminal, read while images come."""

from __future__ import annotations

import os
import select
import sys
from typing import Any, List, Optional

KEEP, END = b" \r\n", b"qQ\x1b\x04"


class KeyPresses:
    """Context in which `asked` tells of a key: space or Enter asks for an image, q or Escape ends by
    KeyboardInterrupt. Without a terminal it is the lines of the standard input, and its end ends."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._usual: Optional[List[Any]] = None
        self._waiting = 0

    def __enter__(self) -> KeyPresses:
        if os.isatty(self._input):
            import termios
            import tty

            self._usual = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)  # keys at once, without Enter; Ctrl-C stays what it is
        return self

    def __exit__(self, *error: object) -> None:
        if self._usual is not None:
            import termios

            termios.tcsetattr(self._input, termios.TCSADRAIN, self._usual)

    def asked(self) -> bool:
        """Whether an image is asked for; each key press asks for one. Raises KeyboardInterrupt for the end."""
        while select.select([self._input], [], [], 0)[0]:
            keys = os.read(self._input, 1)
            if not keys and self._waiting:
                break  # the images asked for come first
            if not keys or keys in (bytes([key]) for key in END):
                raise KeyboardInterrupt
            self._waiting += keys in (bytes([key]) for key in KEEP)
        if self._waiting:
            self._waiting -= 1
            return True
        return False
