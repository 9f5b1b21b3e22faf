"""Several OpenVINO networks of one model, a file each, around one file of weights.

The networks of one model at several input sizes have the same weights, and a few constants of their own (sizes of
resizing layers, scales of activations). OpenVINO's IR is an XML file that names each constant by its place in a .bin
file, so further networks can point into the .bin of the first, at whose end lies what only they have.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.etree import ElementTree

from rt_seg.atomic_file import write_atomically

ALIGNMENT = 64
"""Bytes: constants begin at multiples of it, as OpenVINO lays them."""
SMALLEST_SHARED = 16
"""Bytes: shorter constants are not worth looking for."""


def _constants(network: ElementTree.Element) -> list[tuple[ElementTree.Element, int, int]]:
    """The entries of constants in an IR, with their places and sizes in bytes."""
    entries = (entry for entry in network.iter("data") if "offset" in entry.attrib and "size" in entry.attrib)
    return [(entry, int(entry.attrib["offset"]), int(entry.attrib["size"])) for entry in entries]


def save_with_weights_of(first: Path, network, path: Path, compress_to_fp16: bool = False) -> int:
    """Save `network` as the XML file `path`, whose constants lie in the .bin of the network `first`, beside it.

    Args:
        first: XML file of the network that was saved first; its .bin grows by what only `network` has.
        network: openvino.Model.
        compress_to_fp16: as in openvino.save_model; as `first` was saved.

    Returns the bytes by which the .bin grew. Read the result by `Core().read_model(path, first.with_suffix(".bin"))`.
    Raises OSError.
    """
    import openvino

    weights = first.with_suffix(".bin")
    stored = bytearray(weights.read_bytes())
    before = len(stored)
    places: dict[bytes, int] = {}
    for _, offset, size in _constants(ElementTree.fromstring(first.read_bytes())):
        if size >= SMALLEST_SHARED:
            places.setdefault(bytes(stored[offset : offset + size]), offset)
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "model.xml"
        openvino.save_model(network, str(own), compress_to_fp16=compress_to_fp16)
        tree, content = ElementTree.fromstring(own.read_bytes()), own.with_suffix(".bin").read_bytes()
    for entry, offset, size in _constants(tree):
        constant = content[offset : offset + size]
        place = places.get(constant)
        if place is None:
            stored += bytes(-len(stored) % ALIGNMENT)
            place = places[constant] = len(stored)
            stored += constant
        entry.set("offset", str(place))
    write_atomically(weights, bytes(stored))
    write_atomically(path, ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True))
    return len(stored) - before
