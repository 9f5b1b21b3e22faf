"""Scene recipes: what they say is what is seen, and what cannot be meant is refused by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from rt_seg.simulation import SimulationError, simulate_recording, simulate_scene
from rt_seg.simulation.camera_path import View
from rt_seg.simulation.mesh_file import binary_stl
from rt_seg.simulation.meshes import prism, rectangle
from rt_seg.simulation.recipe_file import load_recipe, recipe_from_dict
from rt_seg.simulation.recipe_scene import RecipeScenes, resting_rotations
from rt_seg.simulation.renderer import Renderer

BRACKET = Path(__file__).resolve().parents[3] / "config" / "scenes" / "bracket.yaml"
SIZE = {"width": 96, "height": 72}


def small(recipe):
    return dataclasses.replace(recipe, camera=dataclasses.replace(recipe.camera, **SIZE))


def read(text, folder=Path()):
    return recipe_from_dict(yaml.safe_load(text), folder, "scene.yaml")


def seen_from_above(recipe, seed=0):
    """Mask and noise-free depth (m) of a scene, straight from above."""
    scenes, rng = RecipeScenes(recipe), np.random.default_rng(seed)
    intrinsics = scenes.intrinsics(rng)
    with Renderer(scenes.scene(rng, intrinsics), intrinsics, scenes.labels) as renderer:
        image = renderer.render(View((0.0, 0.0, 0.0), 0.8, 0.0, np.pi / 2 - 1e-4, 0.0).pose())
    return image, intrinsics


@pytest.fixture(scope="module")
def bracket():
    return load_recipe(BRACKET)


def test_the_shipped_recipe_shows_its_part_and_the_hole_in_it(bracket):
    assert bracket.labels.names == ["background", "bracket", "hole"]
    shown = set()
    for seed in range(4):
        frame = simulate_scene(seed, recipe=small(bracket))
        assert frame.color.shape == (72, 96, 3) and frame.depth.dtype == np.uint16
        bracket.labels.check_mask(frame.ground_truth, f"seed {seed}")
        assert (frame.ground_truth > 0).mean() >= 0.004
        shown |= set(np.unique(frame.ground_truth).tolist())
    assert shown == {0, 1, 2}


def test_the_same_seed_gives_the_same_frame_and_recording(bracket):
    recipe = small(bracket)
    np.testing.assert_array_equal(simulate_scene(3, recipe=recipe).color, simulate_scene(3, recipe=recipe).color)
    films = [[frame.color for frame in simulate_recording(3, 3, 30.0, recipe=recipe)] for _ in range(2)]
    np.testing.assert_array_equal(films[0], films[1])
    assert (films[0][0] != films[0][1]).any()


@pytest.mark.parametrize("unit, edge", [("mm", 80), ("cm", 8), ("inch", 80 / 25.4), ("m", 0.08)])
def test_a_mesh_has_the_size_that_its_unit_says(tmp_path, unit, edge):
    cube = prism(rectangle(edge, edge), edge)
    (tmp_path / "cube.stl").write_bytes(binary_stl(cube.vertices[cube.faces]))
    item = f"{{class: cube, mesh: cube.stl, unit: {unit}, count: 1, pose: upright}}"
    image, intrinsics = seen_from_above(read(f"{{objects: [{item}], clutter: {{count: 0}}}}", tmp_path))
    top = (image.mask == 1) & (image.depth < 0.725)
    assert np.median(image.depth[top]) == pytest.approx(0.72, abs=0.001), "its top is 80 mm above the table"
    assert top.sum() * (0.72 / intrinsics.fx) ** 2 == pytest.approx(0.08**2, rel=0.04)


@pytest.mark.parametrize("shape", ["box", "cylinder", "sphere", "ellipsoid", "capsule", "cup"])
def test_each_shape_stands_on_the_table_with_its_height(shape):
    text = f"{{objects: [{{class: a, shape: {shape}, size: [0.06, 0.06, 0.06], count: 1, pose: upright}}]}}"
    image, _ = seen_from_above(read(text))
    assert 0.8 - image.depth[image.mask == 1].min() == pytest.approx(0.06, abs=0.003)
    if shape == "cup":
        assert np.median(image.depth[image.mask == 1]) > 0.79, "one sees its floor"


def test_bodies_have_classes_of_their_own_at_their_places():
    text = """
    objects:
      - bodies:
          - {class: base, shape: box, size: [0.1, 0.1, 0.02], position: [0, 0, 0.01]}
          - {class: knob, shape: cylinder, size: [0.03, 0.03, 0.02], position: [0.03, 0, 0.03]}
        count: 1
        scale: 1.5
        pose: upright
    """
    recipe = read(text)
    assert recipe.labels.names == ["background", "base", "knob"]
    image, intrinsics = seen_from_above(recipe)
    assert np.median(image.depth[image.mask == 1]) == pytest.approx(0.77, abs=0.002)
    assert np.median(image.depth[image.mask == 2]) == pytest.approx(0.74, abs=0.002)
    middles = [np.argwhere(image.mask > 0).mean(axis=0), np.argwhere(image.mask == 2).mean(axis=0)]
    assert np.linalg.norm(middles[1] - middles[0]) * 0.755 / intrinsics.fx == pytest.approx(0.045, abs=0.004)


def test_an_object_that_falls_lies_on_a_side_on_which_it_can():
    item = read("{objects: [{class: bar, shape: box, size: [0.03, 0.05, 0.2]}]}").objects[0]
    upward = np.abs([turn[2] for turn in resting_rotations(item)])
    assert (np.sort(upward, axis=1)[:, -1] > 0.999).all(), "it lies flat"
    assert (upward[:, 2] < 0.01).mean() > 0.8, "and hardly ever stands on its end"


def test_clutter_may_be_a_class_and_counts_are_kept():
    text = "{objects: [{class: a, shape: box, size: [0.02, 0.02, 0.02], count: 4}], clutter: {count: 3, class: junk}}"
    recipe = read(text)
    scenes, rng = RecipeScenes(recipe), np.random.default_rng(0)
    classes = list(scenes.scene(rng, scenes.intrinsics(rng)).classes.values())
    assert recipe.labels.names == ["background", "a", "junk"]
    assert classes.count("a") == 4 and classes.count("junk") >= 3 and "clutter" not in classes


def test_a_sensor_without_error_measures_what_is_there():
    text = "{objects: [{class: a, shape: box, size: [0.05, 0.05, 0.05]}], sensor: {depth_error: 0, holes: false}}"
    exact = simulate_scene(1, recipe=small(read(text)))
    assert (exact.depth > 0).all()
    noisy = simulate_scene(1, recipe=small(read(text.replace("depth_error: 0", "depth_error: 1"))))
    wide = simulate_scene(1, recipe=small(read(text.replace("depth_error: 0", "depth_error: 1, baseline: 0.1"))))
    errors = [np.abs(frame.depth.astype(int) - exact.depth).mean() for frame in (noisy, wide)]
    assert errors[0] > 1 and errors[1] == pytest.approx(errors[0] / 2, rel=0.1), "twice the baseline, half the error"


def test_the_color_of_table_and_part_is_about_the_one_asked_for():
    text = """
    objects: [{class: a, shape: box, size: [0.2, 0.2, 0.01], color: [200, 30, 30], count: 1, pose: upright}]
    clutter: {count: 0}
    room: {table_color: [30, 30, 200], papers: 0}
    """
    image, _ = seen_from_above(read(text))
    part, table = image.color[image.mask == 1].mean(axis=0), image.color[image.mask == 0].mean(axis=0)
    assert part[0] > 2 * part[2] and table[2] > 1.5 * table[0]


def test_the_digest_follows_recipe_and_meshes(tmp_path):
    cube = prism(rectangle(20, 20), 20)
    triangles = cube.vertices[cube.faces]
    text = "{objects: [{class: cube, mesh: cube.stl}]}"
    digests = set()
    more = text.replace("stl}", "stl, count: 2}")
    for content, words in ((triangles, text), (2 * triangles, text), (triangles, more)):
        (tmp_path / "cube.stl").write_bytes(binary_stl(content))
        digests.add(read(words, tmp_path).digest)
    assert len(digests) == 3


BOX = "class: a, shape: box, size: [0.1, 0.1, 0.1]"


@pytest.mark.parametrize(
    "text, message",
    [
        ("[1]", "scene.yaml: expected a mapping with the keys objects, clutter, room"),
        ("{}", "scene.yaml: missing key 'objects'"),
        ("{objects: [{}], light: {}}", "unknown key 'light'; did you mean 'lights'?"),
        ("{objects: [{class: a}]}", "objects[0]: needs either mesh (an STL or OBJ file) or shape (box, cylinder"),
        ("{objects: [{shape: box, size: [0.1, 0.1, 0.1]}]}", "objects[0]: missing key 'class': its class"),
        ("{objects: [{class: background, shape: box, size: [0.1, 0.1, 0.1]}]}", "belongs"),
        ("{objects: [{class: a, shape: cube, size: [0.1, 0.1, 0.1]}]}", "shape: 'cube'; accepted are box, cylinder"),
        ("{objects: [{class: a, shape: box}]}", "a shape needs size"),
        ("{objects: [{class: a, shape: box, size: [0.1, 0.1]}]}", "size: [0.1, 0.1] must be a list of 3 entries"),
        ("{objects: [{class: a, mesh: nowhere.stl}]}", "nowhere.stl: cannot be read: No such file"),
        ("{objects: [{class: a, mesh: a.stl, size: [0.1, 0.1, 0.1]}]}", "size is for shapes"),
        (f"{{objects: [{{{BOX}, count: [3, 1]}}]}}", "count: [3, 1]: the first number is the minimum"),
        (f"{{objects: [{{{BOX}, count: 1.5}}]}}", "count[0]: 1.5 must be a whole number"),
        (f"{{objects: [{{{BOX}, color: [0, 0, 256]}}]}}", "color: 256 must be from 0 to 255"),
        (f"{{objects: [{{{BOX}, pose: up}}]}}", "pose: 'up'; accepted are resting, upright"),
        (f"{{objects: [{{{BOX}}}], sensor: {{holes: maybe}}}}", "sensor: holes: 'maybe' must be true or false"),
        (f"{{objects: [{{{BOX}}}], camera: {{distance: 9}}}}", "camera: distance: 9.0 must be from 0.1 to 3"),
        (f"{{objects: [{{{BOX}}}], clutter: {{class: 3}}}}", "clutter: class: 3 must be text"),
    ],
)
def test_what_cannot_be_meant_names_the_key(text, message):
    with pytest.raises(SimulationError) as error:
        read(text.replace("belongs", ""))
    assert (message if message != "belongs" else "background is reserved for 'clutter'") in str(error.value)


def test_a_part_of_an_unlikely_size_gets_advice_about_its_unit(tmp_path):
    cube = prism(rectangle(80, 80), 80)
    (tmp_path / "cube.stl").write_bytes(binary_stl(cube.vertices[cube.faces]))
    recipe = read("{objects: [{class: cube, mesh: cube.stl, unit: m, count: 1}]}", tmp_path)
    message = r"'cube' is 80 m long; .* correct 'unit' \(m\) of .*cube.stl, perhaps to mm"
    with pytest.raises(SimulationError, match=message):
        simulate_scene(0, recipe=small(recipe))


def test_a_file_that_is_no_recipe_is_named(tmp_path):
    (tmp_path / "scene.yaml").write_text("objects: [")
    with pytest.raises(SimulationError, match="scene.yaml: not valid YAML"):
        load_recipe(tmp_path / "scene.yaml")
    with pytest.raises(SimulationError, match="none.yaml: cannot be read: No such file .*; shipped are bracket"):
        load_recipe(tmp_path / "none.yaml")
