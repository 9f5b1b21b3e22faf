"""Puts a scene together: geoms, meshes, materials and textures, and free places on the table."""

from __future__ import annotations

import colorsys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.simulation.meshes import Mesh
from rt_seg.simulation.scene import CAMERA, Scene
from rt_seg.simulation.textures import PATTERNS, Color, random_texture

SPREAD = 0.26
"""Distance from the middle of the table within which things are placed, metres."""
GAP = 0.006
"""Least distance between the footprints of two objects, metres."""


def numbers(values: Iterable[float]) -> str:
    """As MJCF writes them."""
    return " ".join(f"{float(v):.6g}" for v in values)


def hsv(hue: float, saturation: float, value: float) -> Color:
    """sRGB of hue (in turns, any), saturation and value (cut to 0..1)."""
    return colorsys.hsv_to_rgb(hue % 1.0, float(np.clip(saturation, 0, 1)), float(np.clip(value, 0, 1)))


def turned(polygon: np.ndarray, angle: float) -> np.ndarray:
    """(N, 2) points turned counter-clockwise by `angle` (rad)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return polygon @ np.array([[cos, sin], [-sin, cos]])


def yaw_quaternion(angle: float) -> Tuple[float, float, float, float]:
    """Quaternion (w, x, y, z) of a turn about the vertical."""
    return (float(np.cos(angle / 2)), 0.0, 0.0, float(np.sin(angle / 2)))


def lying_quaternion(yaw: float, roll: float) -> Tuple[float, float, float, float]:
    """Quaternion (w, x, y, z) that rolls about the z axis, lays z along x, then turns by `yaw` about the vertical."""
    product = np.array(yaw_quaternion(yaw))
    for w, x, y, z in ((np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0), yaw_quaternion(roll)):
        a, b, c, d = product
        product = np.array(
            [
                a * w - b * x - c * y - d * z,
                a * x + b * w + c * z - d * y,
                a * y - b * z + c * w + d * x,
                a * z + b * y - c * x + d * w,
            ]
        )
    return tuple(product.tolist())


@dataclass
class SceneBuilder:
    """Collects geoms, materials, textures and meshes while it places objects on the table."""

    rng: np.random.Generator
    spread: float = SPREAD
    root: ElementTree.Element = field(default_factory=lambda: ElementTree.Element("mujoco", model="tabletop"))
    assets: Dict[str, bytes] = field(default_factory=dict)
    classes: Dict[str, str] = field(default_factory=dict)
    footprints: List[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asset = ElementTree.SubElement(self.root, "asset")
        self.world = ElementTree.SubElement(self.root, "worldbody")

    # -- building blocks ------------------------------------------------------------------------------------------

    def geom(self, class_name: str, material: str, **attributes: Union[str, Iterable[float]]) -> None:
        """Add a geom of a class; attributes as in MJCF, numbers or text."""
        name = f"{class_name}_{len(self.classes)}"
        text = {k: v if isinstance(v, str) else numbers(v) for k, v in attributes.items()}
        ElementTree.SubElement(
            self.world, "geom", {"name": name, "material": material, "contype": "0", "conaffinity": "0", **text}
        )
        self.classes[name] = class_name

    def mesh(self, mesh: Mesh) -> str:
        """Add a generated mesh; returns its name."""
        name = f"mesh_{len(self.assets)}_{len(self.asset)}"
        attributes = {"vertex": numbers(mesh.vertices.ravel()), "face": " ".join(map(str, mesh.faces.ravel()))}
        if mesh.normals is not None:
            attributes["normal"] = numbers(mesh.normals.ravel())
        ElementTree.SubElement(self.asset, "mesh", {"name": name, **attributes})
        return name

    def material(self, texture: np.ndarray, flat: bool = False, repeat: float = 1.0, gloss: float = 0.2) -> str:
        """A material of this texture: projected flat onto the geom's x-y plane, or wrapped on it as on a cube."""
        number = len(self.assets)
        encoded = cv2.imencode(".png", texture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()
        self.assets[f"texture_{number}.png"] = encoded
        ElementTree.SubElement(
            self.asset,
            "texture",
            name=f"texture_{number}",
            type="2d" if flat else "cube",
            file=f"texture_{number}.png",
        )
        name = f"material_{number}"
        ElementTree.SubElement(
            self.asset,
            "material",
            name=name,
            texture=f"texture_{number}",
            texrepeat=numbers((repeat, repeat)),
            specular=numbers([gloss]),
            shininess=numbers([0.2 + 0.7 * gloss]),
        )
        return name

    def free_spot(self, outline: np.ndarray, tries: int = 80) -> Optional[Tuple[np.ndarray, float]]:
        """A place (x, y) and a yaw at which this convex footprint overlaps no earlier one; None when there is none."""
        rng = self.rng
        inflated = outline * (1 + GAP / np.linalg.norm(outline, axis=1).min())
        for _ in range(tries):
            radius = self.spread * np.sqrt(rng.random())
            direction, yaw = rng.uniform(0, 2 * np.pi, 2)
            place = radius * np.array([np.cos(direction), 0.8 * np.sin(direction)])
            placed = (turned(inflated, yaw) + place).astype(np.float32)
            if all(cv2.intersectConvexConvex(placed, other)[0] <= 0 for other in self.footprints):
                self.footprints.append(placed)
                return place, float(yaw)
        return None

    # -- colours --------------------------------------------------------------------------------------------------

    def wood(self, size: int = 128) -> np.ndarray:
        """A texture of wood."""
        rng = self.rng
        hue, value = rng.uniform(0.06, 0.11), rng.uniform(0.45, 0.9)
        light = hsv(hue, rng.uniform(0.3, 0.6), value)
        dark = hsv(hue - 0.01, rng.uniform(0.45, 0.75), value * rng.uniform(0.55, 0.8))
        return random_texture(rng, size, light, dark, ["wood"])

    def colored(
        self, hues: Tuple[float, float], saturation: Tuple[float, float], patterns: Sequence[str], size: int = 128
    ) -> np.ndarray:
        """A texture around a hue of the range (turns of the colour circle), in two shades of it."""
        rng = self.rng
        hue, full, value = rng.uniform(*hues), rng.uniform(*saturation), rng.uniform(0.35, 0.95)
        other = hsv(hue + rng.normal(0, 0.02), full * rng.uniform(0.6, 1.0), value * rng.uniform(0.7, 1.05))
        return random_texture(rng, size, hsv(hue, full, value), other, patterns)

    def metal(self, size: int = 64) -> np.ndarray:
        """A texture of bare metal, now and then of brass."""
        rng = self.rng
        value, hue = rng.uniform(0.55, 0.9), rng.choice([0.6, 0.12])
        tint = 0.35 if hue < 0.5 and rng.random() < 0.4 else 0.06
        first = hsv(hue, rng.uniform(0, tint), value)
        return random_texture(rng, size, first, tuple(0.85 * np.asarray(first)), ["plain", "grain", "gradient"])

    def near_color(self, color: Sequence[int], patterns: Sequence[str], size: int = 128) -> np.ndarray:
        """A texture of about the colour (red, green, blue, 0..255)."""
        rng = self.rng
        first = np.clip(np.asarray(color) / 255 * rng.uniform(0.8, 1.15) + rng.normal(0, 0.02, 3), 0, 1)
        return random_texture(rng, size, tuple(first), tuple(rng.uniform(0.75, 0.95) * first), patterns)

    def any_material(self) -> str:
        """A material of any colours and pattern but wood."""
        rng = self.rng
        texture = random_texture(
            rng,
            128,
            hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.3, 1.0)),
            hsv(rng.random(), rng.uniform(0.0, 0.6), rng.uniform(0.3, 1.0)),
            ["plain", "clouds", "stripes", "checks", "gradient", "grain"],
        )
        return self.material(texture, gloss=rng.uniform(0.0, 0.9))

    def surface(self, saturation: float, size: int = 512, patterns: Sequence[str] = tuple(PATTERNS)) -> np.ndarray:
        """A texture of the room, in two shades of a hue of at most this saturation."""
        rng = self.rng
        hue, value = rng.random(), rng.uniform(0.2, 0.95)
        first = hsv(hue, rng.uniform(0, saturation), value)
        second = hsv(hue + rng.normal(0, 0.1), rng.uniform(0, saturation), value * rng.uniform(0.5, 1.1))
        return random_texture(rng, size, first, second, patterns)

    def finished(self, intrinsics: Intrinsics) -> Scene:
        """The scene with its camera, for images of this size. The lights are in it already."""
        ElementTree.SubElement(
            self.root.findall("visual")[0], "global", offwidth=str(intrinsics.width), offheight=str(intrinsics.height)
        )
        # Its field of view is the renderer's affair.
        ElementTree.SubElement(self.world, "camera", name=CAMERA)
        return Scene(ElementTree.tostring(self.root, encoding="unicode"), self.assets, self.classes)
