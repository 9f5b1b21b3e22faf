"""The walk over the objects that a file lists for one image: each becomes a region, is left out, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rt_seg_training.label_exchange.annotations import ExchangeError, Reading, Region
from rt_seg_training.label_exchange.file_values import class_name, mapping, member, sequence, shown
from rt_seg_training.label_exchange.shapes import Shape


@dataclass(frozen=True)
class ObjectList:
    """How a format lists objects: under the key `objects`, each with its class under the key `name`.

    `kind_of` tells the kind of an object; those `with_area` have a shape, which `shape_of` gives by object, kind and
    place, or says in words why there is none; those `without_area` are left out.
    """

    objects: str
    name: str
    kind_of: Callable[[dict[str, Any]], Any]
    shape_of: Callable[[dict[str, Any], str, str], Shape | str]
    with_area: tuple[str, ...]
    without_area: tuple[str, ...]

    def regions(self, data: dict[str, Any], file: str, program: str, reading: Reading) -> tuple[Region, ...]:
        """The regions of a file's objects, in their order; an image without any is counted. Raises ExchangeError."""
        if self.objects not in data:
            raise ExchangeError(f"{file}: is not a file of {program}: it has no {self.objects!r}")
        regions = []
        for position, entry in enumerate(sequence(member(data, self.objects, file), f"{file}: {self.objects!r}")):
            place = f"{file}: {self.objects}[{position}]"
            entry = mapping(entry, place)
            name = class_name(entry.get(self.name), f"{place}: {self.name!r}", reading.remarks)
            place = f"{place} {name!r}"
            kind = self.kind_of(entry)
            if kind in self.without_area:
                reading.left_out(place, f"a shape of type {kind!r}")
                continue
            if kind not in self.with_area:
                raise ExchangeError(f"{place}: a shape of type {shown(kind)}; accepted are {', '.join(self.with_area)}")
            found = self.shape_of(entry, kind, place)
            if isinstance(found, str):
                reading.left_out(place, found)
            else:
                regions.append(Region(name, (found,), place))
        if not regions:
            reading.remarks.add("images have no region: all background", file)
        return tuple(regions)
