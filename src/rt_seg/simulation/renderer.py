"""Renders a scene with MuJoCo: colour, metric depth and the class of every pixel."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Dict, Tuple

import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import LabelSet
from rt_seg.simulation.camera_path import Pose
from rt_seg.simulation.classes import BACKGROUND, class_id
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.scene import CAMERA, FAR, NEAR, Scene


def import_mujoco() -> ModuleType:
    """MuJoCo, set to render without a display. Raises SimulationError with what to install."""
    # MuJoCo chooses its OpenGL at import; EGL needs no display, and is what the package's set-up installs.
    os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        import mujoco
    except ModuleNotFoundError as error:
        if error.name == "mujoco":
            raise SimulationError("the simulated camera needs MuJoCo: run 'pip install mujoco'") from error
        raise SimulationError(_graphics_hint(error)) from error
    except Exception as error:  # The OpenGL bindings raise whatever the loader gave them.
        raise SimulationError(_graphics_hint(error)) from error
    return mujoco


def _graphics_hint(error: Exception) -> str:
    return (
        f"MuJoCo cannot render with MUJOCO_GL={os.environ.get('MUJOCO_GL')!r} ({type(error).__name__}: {error}). "
        "Install the software OpenGL it renders with: 'apt install libegl1 libopengl0 libgl1-mesa-dri', "
        "and leave MUJOCO_GL unset, or set it to 'egl' before MuJoCo is imported."
    )


_contexts = threading.local()


def _opengl_context(mujoco: ModuleType, width: int, height: int) -> Any:
    """This thread's OpenGL context for images of this size.

    It is kept for the life of the thread, because creating one and warming up its shaders takes longer than to render
    a frame. Scenes that are open at the same time share it safely: MuJoCo names its OpenGL objects apart.
    """
    if not hasattr(_contexts, "by_size"):
        _contexts.by_size = {}
    if (width, height) not in _contexts.by_size:
        _contexts.by_size[width, height] = mujoco.GLContext(width, height)
    return _contexts.by_size[width, height]


def _frustum(intrinsics: Intrinsics) -> Dict[str, float]:
    """The camera's view as MuJoCo keeps it: edges, at the near plane, of the outermost pixels (m, y up, half width)."""
    left = (-0.5 - intrinsics.cx) / intrinsics.fx
    right = (intrinsics.width - 0.5 - intrinsics.cx) / intrinsics.fx
    top = (0.5 + intrinsics.cy) / intrinsics.fy
    bottom = (intrinsics.cy + 0.5 - intrinsics.height) / intrinsics.fy
    return {
        "frustum_near": NEAR,
        "frustum_far": FAR,
        "frustum_center": NEAR * (left + right) / 2,
        "frustum_width": NEAR * (right - left) / 2,
        "frustum_top": NEAR * top,
        "frustum_bottom": NEAR * bottom,
    }


@dataclass(frozen=True)
class Rendering:
    """Noise-free images of one view: color uint8 (H, W, 3) RGB, depth float32 (H, W) m, mask uint8 (H, W) class ids."""

    color: np.ndarray
    depth: np.ndarray
    mask: np.ndarray


class Renderer:
    """One scene in OpenGL. Use it as a context manager, in the thread that made it."""

    def __init__(self, scene: Scene, intrinsics: Intrinsics, labels: LabelSet) -> None:
        """Compile the scene and load it into OpenGL. Raises SimulationError when MuJoCo or EGL is not usable."""
        self._mujoco: Any = import_mujoco()
        mujoco = self._mujoco
        self._size = (intrinsics.height, intrinsics.width)
        self._frustum = _frustum(intrinsics)
        self._model = mujoco.MjModel.from_xml_string(scene.mjcf, scene.assets)
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._camera_id = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, CAMERA)
        self._class_of_geom = np.full(self._model.ngeom, class_id(labels, BACKGROUND), np.uint8)
        for name, class_name in scene.classes.items():
            geom = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_GEOM, name)
            self._class_of_geom[geom] = class_id(labels, class_name)
        self._background = class_id(labels, BACKGROUND)
        self._context = None
        try:
            self._gl = _opengl_context(mujoco, intrinsics.width, intrinsics.height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:
            raise SimulationError(_graphics_hint(error)) from error
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._rect = mujoco.MjrRect(0, 0, intrinsics.width, intrinsics.height)
        self._scene = mujoco.MjvScene(self._model, maxgeom=self._model.ngeom + 100)
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = self._camera_id

    def close(self) -> None:
        """Free the scene's meshes and textures; the renderer cannot be used afterwards."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._context = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, pose: Pose) -> None:
        # MuJoCo's camera looks along -z with y up: the optical frame turned half a turn about x.
        self._data.cam_xpos[self._camera_id] = pose.position
        self._data.cam_xmat[self._camera_id] = (pose.rotation * np.array([1.0, -1.0, -1.0])).ravel()
        self._mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._view, self._mujoco.mjtCatBit.mjCAT_ALL, self._scene
        )
        # Set here and not in the model, because releases of MuJoCo differ in the sign of a camera's principal point.
        for eye in self._scene.camera:
            for name, value in self._frustum.items():
                setattr(eye, name, value)

    def _draw(self, ids: bool, depth: bool) -> Tuple[np.ndarray, Any]:
        flags = self._scene.flags
        flags[self._mujoco.mjtRndFlag.mjRND_SEGMENT] = ids
        flags[self._mujoco.mjtRndFlag.mjRND_IDCOLOR] = ids
        pixels = np.empty((*self._size, 3), np.uint8)
        z_buffer = np.empty(self._size, np.float32) if depth else None
        self._gl.make_current()
        self._mujoco.mjr_setBuffer(self._mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._mujoco.mjr_render(self._rect, self._scene, self._context)
        self._mujoco.mjr_readPixels(pixels, z_buffer, self._rect, self._context)
        return pixels[::-1], None if z_buffer is None else z_buffer[::-1]

    def _class_mask(self, pixels: np.ndarray) -> np.ndarray:
        # A pixel's colour is the number of its geom in the drawn scene plus 1, red first; 0 is the void.
        table = np.full(self._scene.ngeom + 2, self._background, np.uint8)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == self._mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = self._class_of_geom[geom.objid]
        numbers = pixels[..., 0].astype(np.uint16) + (pixels[..., 1].astype(np.uint16) << 8)
        return table[numbers]

    def geoms(self, pose: Pose) -> np.ndarray:
        """Number of the geom that each pixel shows, int32 (H, W), -1 for the void: pieces of one class told apart."""
        self._look(pose)
        pixels = self._draw(ids=True, depth=False)[0]
        table = np.full(self._scene.ngeom + 2, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == self._mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = geom.objid
        return table[pixels[..., 0].astype(np.uint16) + (pixels[..., 1].astype(np.uint16) << 8)]

    def mask(self, pose: Pose) -> np.ndarray:
        """Class ids alone, uint8 (H, W): enough to judge a view."""
        self._look(pose)
        return self._class_mask(self._draw(ids=True, depth=False)[0])

    def render(self, pose: Pose) -> Rendering:
        """Colour, depth and classes from this pose. Depth is along the optical axis; beyond FAR it is FAR."""
        self._look(pose)
        pixels, z_buffer = self._draw(ids=True, depth=True)
        mask = self._class_mask(pixels)
        # The buffer holds 1 at the near plane and 0 at the far plane, linear in the inverse of depth.
        depth = (NEAR * FAR / (NEAR + z_buffer.astype(np.float64) * (FAR - NEAR))).astype(np.float32)
        color = np.ascontiguousarray(self._draw(ids=False, depth=False)[0])
        return Rendering(color, depth, mask)
