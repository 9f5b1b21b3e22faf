"""Whether the bytes of an image file are whole.

OpenCV decodes a JPEG or PNG that was cut to an image whose rest is grey or black, without a word.
"""

from __future__ import annotations

import zlib
from typing import Optional

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
"""Markers of a JPEG that stand alone: TEM and the restarts."""


def fault_of(data: bytes) -> Optional[str]:
    """What is wrong with the bytes of a JPEG or PNG, in words that follow "is"; None for whole ones and other kinds."""
    if data.startswith(_JPEG):
        return None if _is_whole_jpeg(data) else "a truncated JPEG"
    if data.startswith(_PNG):
        return _png_fault(data)
    return None


def _is_whole_jpeg(data: bytes) -> bool:
    """Whether a scan begins and an end of image follows it; one before belongs to the preview in the EXIF data."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1  # a fill byte
        elif marker in _WITHOUT_LENGTH:
            place += 2
        elif marker == _START_OF_SCAN:
            # In a scan 0xFF is followed by 0 or by the number of a restart.
            return data.rfind(_END_OF_IMAGE) > place
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False


def _png_fault(data: bytes) -> Optional[str]:
    place = len(_PNG)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, end = data[place + 4 : place + 8], place + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"a PNG with a damaged part ({kind.decode('ascii', 'replace')})"
        if kind == b"IEND":
            return None
        place = end + 4
    return "a truncated PNG"
