"""RVL, the lossless compression of depth images of compressed_depth_image_transport.

A. D. Wilson, "Fast Lossless Depth Image Compression", ISS 2017: runs of zeros and of values in turn, each value the
zigzag difference to the one before it, every number written in groups of three bits with a flag for "more".
"""

from __future__ import annotations

import numpy as np

MAX_PIXELS = 2**26
"""No camera has more; such sizes are memory read as an image."""


class RvlError(ValueError):
    """The bytes are no RVL image of that size."""


def _numbers(data: bytes) -> np.ndarray:
    """All the variable-length numbers of a stream, int64 (n,)."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    # The first of eight nibbles is the highest of its word.
    nibbles = ((words[:, np.newaxis] >> np.arange(28, -1, -4, dtype=np.uint32)) & 15).astype(np.int64).ravel()
    ends = np.flatnonzero(nibbles < 8)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 11:
        raise RvlError("the bytes are not an RVL image: a number is longer than 32 bits")
    nibbles = nibbles[: ends[-1] + 1]
    places = np.arange(len(nibbles)) - np.repeat(starts, lengths)
    return np.add.reduceat((nibbles & 7) << (3 * places), starts)


def decode_rvl(data: bytes, height: int, width: int) -> np.ndarray:
    """The depth image, uint16 (height, width), of an RVL stream. Raises RvlError where the two do not fit."""
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise RvlError(f"RVL image of {width}x{height} pixels; accepted are 1 to {MAX_PIXELS} pixels")
    pixels = np.zeros(height * width, np.uint16)
    numbers = _numbers(data)
    values = numbers.tolist()
    places, sources = [], []
    place = position = 0
    while place < len(pixels):
        if position + 2 > len(values):
            raise RvlError(
                f"the RVL image of {width}x{height} pixels ends after {place} of them; the message is truncated"
            )
        zeros, count = values[position], values[position + 1]
        position += 2
        place += zeros
        if (zeros == 0 and count == 0) or place + count > len(pixels) or position + count > len(values):
            raise RvlError(f"the RVL stream is not one of {width}x{height} pixels; the message is truncated or damaged")
        places.append((place, place + count))
        sources.append((position, position + count))
        place, position = place + count, position + count
    coded = np.concatenate([numbers[start:end] for start, end in sources]) if sources else numbers[:0]
    depths = np.cumsum((coded >> 1) ^ -(coded & 1))
    if len(depths) and not 0 <= depths.min() <= depths.max() <= 65535:
        raise RvlError("the RVL stream exceeds the 16 bits of a depth image; the message is damaged")
    done = 0
    for start, end in places:
        pixels[start:end] = depths[done : done + end - start]
        done += end - start
    return pixels.reshape(height, width)
