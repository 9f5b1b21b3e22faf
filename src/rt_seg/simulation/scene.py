"""A random tabletop of the peg-in-hole kind, as a MuJoCo model description.

World frame: z up, table top at z = 0, metres. Nothing moves and nothing collides: objects are placed by rejection, so
a scene costs no physics. Every geom carries its class.
"""
from __future__ import annotations

import colorsys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.simulation.classes import BACKGROUND, BLOCK, CLUTTER, HOLE, PEG, PLATE
from rt_seg.simulation.meshes import Mesh, blob, cup, perforated_plate, prism, rectangle, regular_polygon
from rt_seg.simulation.textures import Color, random_texture

CAMERA = "color_optical"
NEAR, FAR = 0.05, 12.0
"""Clipping distances of the renderer, metres."""

ROUND_CORNERS = 40
HOLE_SHAPES = (ROUND_CORNERS, 4, 6)
TABLE_HEIGHT = 0.74
GAP = 0.006
"""Least distance between the footprints of two objects, metres."""


@dataclass(frozen=True)
class Scene:
    """A MuJoCo model (MJCF text and the files it refers to) and the class name of each of its geoms, by geom name."""

    mjcf: str
    assets: Dict[str, bytes]
    classes: Dict[str, str]


def random_intrinsics(rng: np.random.Generator, width: int = 640, height: int = 480) -> Intrinsics:
    """Colour camera of a RealSense D435 at 640×480: focal length about 615 px, centre a few pixels off the middle."""
    scale = width / 640
    focal = rng.uniform(606, 622) * scale
    return Intrinsics(
        width,
        height,
        fx=float(focal),
        fy=float(focal * rng.uniform(0.999, 1.001)),
        cx=float((width - 1) / 2 - rng.uniform(-8, 8) * scale),
        cy=float((height - 1) / 2 - rng.uniform(-8, 8) * scale),
    )


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{float(v):.6g}" for v in values)


def _hsv(hue: float, saturation: float, value: float) -> Color:
    return colorsys.hsv_to_rgb(hue % 1.0, float(np.clip(saturation, 0, 1)), float(np.clip(value, 0, 1)))


def _turn(polygon: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return polygon @ np.array([[cos, sin], [-sin, cos]])


def _yaw(angle: float) -> Tuple[float, float, float, float]:
    return (float(np.cos(angle / 2)), 0.0, 0.0, float(np.sin(angle / 2)))


def _lying(yaw: float, roll: float) -> Tuple[float, float, float, float]:
    """Quaternion (w, x, y, z) that rolls about the z axis, lays z along x, then turns by `yaw` about the vertical."""
    product = np.array(_yaw(yaw))
    for w, x, y, z in ((np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0), _yaw(roll)):
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
class _Opening:
    """A hole that may take a peg: centre (m), corners, width across flats (m), angle (rad), height of its floor (m)."""

    center: np.ndarray
    corners: int
    width: float
    angle: float
    floor: float


@dataclass
class _SceneBuilder:
    """Collects geoms, materials, textures and meshes while it places objects on the table."""

    rng: np.random.Generator
    root: ElementTree.Element = field(default_factory=lambda: ElementTree.Element("mujoco", model="tabletop"))
    assets: Dict[str, bytes] = field(default_factory=dict)
    classes: Dict[str, str] = field(default_factory=dict)
    footprints: List[np.ndarray] = field(default_factory=list)
    openings: List[_Opening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asset = ElementTree.SubElement(self.root, "asset")
        self.world = ElementTree.SubElement(self.root, "worldbody")

    # -- building blocks ------------------------------------------------------------------------------------------

    def geom(self, class_name: str, material: str, **attributes: object) -> None:
        name = f"{class_name}_{len(self.classes)}"
        text = {k: v if isinstance(v, str) else _numbers(v) for k, v in attributes.items()}
        ElementTree.SubElement(
            self.world, "geom", name=name, material=material, contype="0", conaffinity="0", **text
        )
        self.classes[name] = class_name

    def mesh(self, mesh: Mesh) -> str:
        name = f"mesh_{len(self.assets)}_{len(self.asset)}"
        attributes = {"vertex": _numbers(mesh.vertices.ravel()), "face": " ".join(map(str, mesh.faces.ravel()))}
        if mesh.normals is not None:
            attributes["normal"] = _numbers(mesh.normals.ravel())
        ElementTree.SubElement(self.asset, "mesh", name=name, **attributes)
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
            texrepeat=_numbers((repeat, repeat)),
            specular=_numbers([gloss]),
            shininess=_numbers([0.2 + 0.7 * gloss]),
        )
        return name

    def free_spot(self, outline: np.ndarray, tries: int = 80) -> Optional[Tuple[np.ndarray, float]]:
        """A place (x, y) and a yaw at which this convex footprint overlaps no earlier one; None when there is none."""
        rng = self.rng
        inflated = outline * (1 + GAP / np.linalg.norm(outline, axis=1).min())
        for _ in range(tries):
            radius = 0.26 * np.sqrt(rng.random())
            direction, yaw = rng.uniform(0, 2 * np.pi, 2)
            place = radius * np.array([np.cos(direction), 0.8 * np.sin(direction)])
            placed = (_turn(inflated, yaw) + place).astype(np.float32)
            if all(cv2.intersectConvexConvex(placed, other)[0] <= 0 for other in self.footprints):
                self.footprints.append(placed)
                return place, float(yaw)
        return None

    # -- colours --------------------------------------------------------------------------------------------------

    def wood(self, size: int = 128) -> np.ndarray:
        rng = self.rng
        hue, value = rng.uniform(0.06, 0.11), rng.uniform(0.45, 0.9)
        light = _hsv(hue, rng.uniform(0.3, 0.6), value)
        dark = _hsv(hue - 0.01, rng.uniform(0.45, 0.75), value * rng.uniform(0.55, 0.8))
        return random_texture(rng, size, light, dark, ["wood"])

    def colored(self, hues: Tuple[float, float], saturation: Tuple[float, float], patterns: Sequence[str], size=128):
        """A texture around a hue of the range (turns of the colour circle), in two shades of it."""
        rng = self.rng
        hue, full, value = rng.uniform(*hues), rng.uniform(*saturation), rng.uniform(0.35, 0.95)
        other = _hsv(hue + rng.normal(0, 0.02), full * rng.uniform(0.6, 1.0), value * rng.uniform(0.7, 1.05))
        return random_texture(rng, size, _hsv(hue, full, value), other, patterns)

    def metal(self, size: int = 64) -> np.ndarray:
        rng = self.rng
        value, hue = rng.uniform(0.55, 0.9), rng.choice([0.6, 0.12])
        tint = 0.35 if hue < 0.5 and rng.random() < 0.4 else 0.06
        first = _hsv(hue, rng.uniform(0, tint), value)
        return random_texture(rng, size, first, tuple(0.85 * c for c in first), ["plain", "grain", "gradient"])

    def peg_material(self) -> str:
        rng, kind = self.rng, self.rng.random()
        if kind < 0.5:
            return self.material(self.metal(), gloss=rng.uniform(0.6, 1.0))
        return self.material(
            self.colored((-0.06, 0.17), (0.65, 1.0), ["plain", "grain", "gradient"]), gloss=rng.uniform(0.1, 0.8)
        )

    def block_material(self) -> str:
        rng, kind = self.rng, self.rng.random()
        if kind < 0.75:
            texture = self.colored((0.25, 0.85), (0.45, 0.95), ["plain", "grain", "gradient", "clouds"])
        else:
            texture = self.wood()
        return self.material(texture, gloss=rng.uniform(0.0, 0.5))

    def plate_material(self) -> str:
        rng, kind = self.rng, self.rng.random()
        if kind < 0.85:
            texture = self.colored((0.0, 1.0), (0.0, 0.12), ["plain", "grain", "clouds"])
        else:
            texture = self.wood()
        return self.material(texture, gloss=rng.uniform(0.0, 0.6))

    def clutter_material(self) -> str:
        rng = self.rng
        texture = random_texture(
            rng,
            128,
            _hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.3, 1.0)),
            _hsv(rng.random(), rng.uniform(0.0, 0.6), rng.uniform(0.3, 1.0)),
            ["plain", "clouds", "stripes", "checks", "gradient", "grain"],
        )
        return self.material(texture, gloss=rng.uniform(0.0, 0.9))

    # -- the room -------------------------------------------------------------------------------------------------

    def surface(self, saturation: float, size: int = 512) -> np.ndarray:
        rng = self.rng
        hue, value = rng.random(), rng.uniform(0.2, 0.95)
        first = _hsv(hue, rng.uniform(0, saturation), value)
        second = _hsv(hue + rng.normal(0, 0.1), rng.uniform(0, saturation), value * rng.uniform(0.5, 1.1))
        return random_texture(rng, size, first, second)

    def room(self) -> None:
        rng = self.rng
        table = self.wood(512) if rng.random() < 0.35 else self.surface(0.5)
        half = rng.uniform((0.42, 0.38), (0.8, 0.6))
        self.geom(
            BACKGROUND,
            self.material(table, flat=True, gloss=rng.uniform(0, 0.5)),
            type="box",
            size=(*half, 0.015),
            pos=(rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), -0.015),
            quat=_yaw(rng.uniform(0, 2 * np.pi)),
        )
        floor = self.material(self.surface(0.4, 256), flat=True, repeat=rng.uniform(2, 6), gloss=0.1)
        self.geom(BACKGROUND, floor, type="box", size=(3.5, 3.5, 0.05), pos=(0, 0, -TABLE_HEIGHT - 0.05))
        turn = rng.uniform(0, 2 * np.pi)
        for side in range(4):
            angle, away = turn + side * np.pi / 2, rng.uniform(1.5, 3.0)
            wall = self.material(self.surface(0.4, 256), gloss=0.0)
            place = (away * np.cos(angle), away * np.sin(angle), 0.5)
            self.geom(BACKGROUND, wall, type="box", size=(0.05, 3.5, 1.5), pos=place, quat=_yaw(angle))
        for _ in range(int(rng.integers(0, 4))):
            angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(1.1, 1.45)
            size = rng.uniform((0.1, 0.1, 0.2), (0.3, 0.3, 0.6))
            place = (away * np.cos(angle), away * np.sin(angle), size[2] - TABLE_HEIGHT)
            furniture = self.material(self.surface(0.5, 128), gloss=0.1)
            self.geom(BACKGROUND, furniture, type="box", size=size, pos=place, quat=_yaw(rng.uniform(0, np.pi)))
        # Sheets of paper on the table are background: flatness and an even colour alone do not make a plate.
        for _ in range(int(rng.integers(0, 3))):
            size = rng.uniform((0.05, 0.07), (0.11, 0.15))
            sheet = self.material(self.surface(0.6, 128), flat=True, gloss=0.0)
            place = (*rng.uniform(-0.25, 0.25, 2), 0.0)
            self.geom(
                BACKGROUND,
                sheet,
                type="box",
                size=(*size, rng.uniform(0.0006, 0.0014)),
                pos=place,
                quat=_yaw(rng.uniform(0, np.pi)),
            )

    def lights(self) -> None:
        rng = self.rng
        visual = ElementTree.SubElement(self.root, "visual")
        ambient, head = rng.uniform(0.15, 0.4), rng.uniform(0.0, 0.2)
        ElementTree.SubElement(
            visual,
            "headlight",
            ambient=_numbers([ambient] * 3),
            diffuse=_numbers([head] * 3),
            specular=_numbers([0.1] * 3),
        )
        ElementTree.SubElement(visual, "quality", shadowsize="1024", offsamples="2")
        ElementTree.SubElement(visual, "map", znear=_numbers([NEAR]), zfar=_numbers([FAR]), shadowclip="1")
        ElementTree.SubElement(self.root, "statistic", extent="1", center="0 0 0")
        count = int(rng.integers(1, 4))
        strength = rng.uniform(0.55, 0.95) / (0.5 + 0.5 * count)
        for number in range(count):
            angle, tilt, away = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(5, 55)), rng.uniform(1.2, 2.2)
            toward = np.array([np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle), np.cos(tilt)])
            tint = strength * rng.uniform(0.85, 1.1, 3)
            ElementTree.SubElement(
                self.world,
                "light",
                pos=_numbers(away * toward),
                dir=_numbers(-toward),
                diffuse=_numbers(tint),
                specular=_numbers(tint * rng.uniform(0.3, 0.9)),
                cutoff=_numbers([rng.uniform(50, 80)]),
                exponent=_numbers([rng.uniform(0, 4)]),
                # One shadow map is enough to see where things stand; each costs a pass over the scene.
                castshadow="true" if number == 0 and rng.random() < 0.85 else "false",
            )

    # -- the objects ----------------------------------------------------------------------------------------------

    def plate(self) -> None:
        rng = self.rng
        thickness = rng.uniform(0.014, 0.034)
        widths = [rng.uniform(0.030, 0.060) for _ in range(4)]
        rows, columns = ((1, 1), (1, 2), (1, 3), (2, 2))[int(rng.integers(4))]
        cell = max(widths[: rows * columns]) * rng.uniform(1.15, 1.3) + rng.uniform(0.015, 0.03)
        if rows * columns == 1:
            corners = int(rng.choice([4, 6, 8, ROUND_CORNERS]))
            outlines = [(np.zeros(2), regular_polygon(corners, cell * rng.uniform(1.3, 1.8)))]
        else:
            long = cell * rng.uniform(1.0, 1.2)
            outlines = []
            for row in range(rows):
                for column in range(columns):
                    center = np.array([(column - (columns - 1) / 2) * long, (row - (rows - 1) / 2) * cell])
                    outlines.append((center, rectangle(long, cell) + center))
        hull = cv2.convexHull(np.concatenate([o for _, o in outlines]).astype(np.float32))[:, 0].astype(float)
        spot = self.free_spot(hull[::-1] if cv2.contourArea(hull.astype(np.float32), True) < 0 else hull)
        if spot is None:
            return
        place, yaw = spot
        filled = int(rng.integers(len(outlines))) if len(outlines) > 2 and rng.random() < 0.4 else None
        cells = []
        cavity = self.material(
            self.colored((0.0, 1.0), (0.0, 0.35), ["plain", "grain"], 64)
            // int(rng.integers(3, 7)),
            gloss=0.0,
        )
        for number, (center, outline) in enumerate(outlines):
            if number == filled:
                cells.append((outline, None))
                continue
            corners, width = int(rng.choice(HOLE_SHAPES)), widths[number]
            angle = rng.uniform(0, 2 * np.pi)
            slack = max(0.0, cell / 2 - width * (0.75 if corners == 4 else 0.58) - 0.006)
            middle = center + rng.uniform(-slack, slack, 2)
            opening = regular_polygon(corners, width, angle) + middle
            cells.append((outline, opening))
            # What one sees in a hole is a dark cup that lines the opening; its rim ends just below the plate's face.
            liner = middle + (opening - middle) * (1 - 0.0006 / width)
            floor = 0.0015
            cup_mesh = self.mesh(cup(liner - middle, thickness - 0.0004, 0.0008, floor))
            self.geom(
                HOLE,
                cavity,
                type="mesh",
                mesh=cup_mesh,
                pos=(*(_turn(middle[None], yaw)[0] + place), 0.0),
                quat=_yaw(yaw),
            )
            self.openings.append(_Opening(_turn(middle[None], yaw)[0] + place, corners, width, angle + yaw, floor))
        self.geom(
            PLATE,
            self.plate_material(),
            type="mesh",
            mesh=self.mesh(perforated_plate(cells, thickness)),
            pos=(*place, 0.0),
            quat=_yaw(yaw),
        )

    def peg(self) -> None:
        rng = self.rng
        width, length = rng.uniform(0.016, 0.034), rng.uniform(0.07, 0.14)
        way = rng.random()
        if way < 0.35 and self.openings:
            opening = self.openings.pop(int(rng.integers(len(self.openings))))
            width = min(opening.width * rng.uniform(0.60, 0.85), 0.040)
            length = max(length, 2.8 * width)
            mesh = self.mesh(prism(regular_polygon(opening.corners, width), length))
            self.geom(
                PEG,
                self.peg_material(),
                type="mesh",
                mesh=mesh,
                pos=(*opening.center, opening.floor + length / 2),
                quat=_yaw(opening.angle),
            )
            return
        length = max(length, 2.8 * width)
        corners = int(rng.choice(HOLE_SHAPES))
        outline = regular_polygon(corners, width)
        if way < 0.65:
            spot = self.free_spot(outline)
            if spot is None:
                return
            pose = {"pos": (*spot[0], length / 2), "quat": _yaw(spot[1])}
        else:
            spot = self.free_spot(rectangle(length, width * 1.1))
            if spot is None:
                return
            # Lying on a flat: the polygon's flats face its x axis, which the roll of 0 puts downwards.
            pose = {"pos": (*spot[0], width / 2), "quat": _lying(spot[1], 0.0)}
        self.geom(PEG, self.peg_material(), type="mesh", mesh=self.mesh(prism(outline, length)), **pose)

    def block(self) -> None:
        rng = self.rng
        size = rng.uniform(0.03, 0.075) * rng.uniform(0.75, 1.25, 3)
        spot = self.free_spot(rectangle(size[0], size[1]))
        if spot is None:
            return
        place, yaw = spot
        self.geom(BLOCK, self.block_material(), type="box", size=size / 2, pos=(*place, size[2] / 2), quat=_yaw(yaw))
        if rng.random() < 0.2:
            above = rng.uniform(0.028, 0.05, 3)
            place = place + rng.uniform(-0.008, 0.008, 2)
            turn = _yaw(rng.uniform(0, 2 * np.pi))
            height = size[2] + above[2] / 2
            self.geom(BLOCK, self.block_material(), type="box", size=above / 2, pos=(*place, height), quat=turn)

    def clutter(self) -> None:
        rng = self.rng
        kind = ("sphere", "capsule", "ellipsoid", "blob", "mug")[int(rng.integers(5))]
        radius = rng.uniform(0.02, 0.04)
        if kind == "mug":
            self.mug()
            return
        if kind == "capsule":
            radius = rng.uniform(0.018, 0.028)
            half = rng.uniform(0.8, 1.6) * radius
            spot = self.free_spot(rectangle(2 * (half + radius), 2 * radius))
        else:
            spot = self.free_spot(regular_polygon(8, 2.4 * radius))
        if spot is None:
            return
        place, yaw = spot
        material = self.clutter_material()
        if kind == "sphere":
            self.geom(CLUTTER, material, type="sphere", size=[radius], pos=(*place, radius))
        elif kind == "capsule":
            self.geom(
                CLUTTER,
                material,
                type="capsule",
                size=(radius, half),
                pos=(*place, radius),
                quat=_lying(yaw, rng.uniform(0, 2 * np.pi)),
            )
        elif kind == "ellipsoid":
            axes = radius * rng.uniform(0.6, 1.2, 3)
            self.geom(CLUTTER, material, type="ellipsoid", size=axes, pos=(*place, axes[2]), quat=_yaw(yaw))
        else:
            lump = blob(rng, radius)
            height = -lump.vertices[:, 2].min() - 0.002
            self.geom(
                CLUTTER, material, type="mesh", mesh=self.mesh(lump), pos=(*place, height), quat=_yaw(yaw)
            )

    def mug(self) -> None:
        rng = self.rng
        width, height = rng.uniform(0.065, 0.085), rng.uniform(0.07, 0.1)
        spot = self.free_spot(regular_polygon(8, width + 0.05))
        if spot is None:
            return
        place, yaw = spot
        material = self.clutter_material()
        body = self.mesh(cup(regular_polygon(ROUND_CORNERS, width), height, 0.004, 0.006))
        self.geom(CLUTTER, material, type="mesh", mesh=body, pos=(*place, 0.0), quat=_yaw(yaw))
        # The handle: a half ring of short capsules in the vertical plane through the mug's axis.
        angles = np.linspace(-np.pi / 2, np.pi / 2, 8)
        reach, middle = rng.uniform(0.55, 0.75) * height / 2, height / 2
        across = width / 2 - 0.003 + 0.75 * reach * np.cos(angles)
        points = np.column_stack(
            [place[0] + across * np.cos(yaw), place[1] + across * np.sin(yaw), middle + reach * np.sin(angles)]
        )
        for start, end in zip(points[:-1], points[1:]):
            self.geom(CLUTTER, material, type="capsule", size=[0.0055], fromto=(*start, *end))


def random_scene(rng: np.random.Generator, intrinsics: Intrinsics) -> Scene:
    """A tabletop with 1-2 plates, 2-6 pegs, 2-5 blocks and 2-5 pieces of clutter under random textures and lights.

    A piece for which no free spot is found is left out; a block may carry a smaller one.
    The renderer moves the camera CAMERA and gives it the intrinsics; only the image size is taken from them here.
    """
    builder = _SceneBuilder(rng)
    builder.room()
    for kind, least, most in (("plate", 1, 2), ("peg", 2, 6), ("block", 2, 5), ("clutter", 2, 5)):
        for _ in range(int(rng.integers(least, most + 1))):
            getattr(builder, kind)()
    builder.lights()
    ElementTree.SubElement(
        builder.root.find("visual"), "global", offwidth=str(intrinsics.width), offheight=str(intrinsics.height)
    )
    # Its field of view is the renderer's affair.
    ElementTree.SubElement(builder.world, "camera", name=CAMERA)
    return Scene(ElementTree.tostring(builder.root, encoding="unicode"), builder.assets, builder.classes)
