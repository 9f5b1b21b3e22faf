"""The rules of the two halves: who may import whom, and what importing must not drag in."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = {"rt_seg": REPOSITORY / "src" / "rt_seg", "rt_seg_training": REPOSITORY / "training" / "rt_seg_training"}

ROS_PYTHON_MODULES = {
    "actionlib",
    "cv_bridge",
    "diagnostic_msgs",
    "diagnostic_updater",
    "dynamic_reconfigure",
    "genpy",
    "geometry_msgs",
    "message_filters",
    "rosbag",
    "rosgraph",
    "roslaunch",
    "roslib",
    "rospkg",
    "rospy",
    "rostest",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "tf",
    "tf2_msgs",
    "tf2_ros",
}
"""Modules that exist only where ROS is installed. Of rt_seg itself the generated messages are such, too."""

TRAINING_MODULES = {"keras", "nncf", "tensorflow", "tensorflow_datasets", "rt_seg_training"}

FLOORS = {
    "atomic_file": 0, "natural_order": 0, "package_files": 0, "model_home": 0, "recordings": 0, "setting_field": 0,
    "settings": 0, "labels": 0, "labelled_folder": 0, "camera_image": 0, "bundle": 1, "engines": 2, "segmenter": 3,
    "products": 3, "cameras": 3, "ros": 9,
}  # fmt: skip
"""First name below rt_seg → its floor; a module imports from its own floor or below. `floor` places the rest."""

TRAINING_ROOMS = (
    {"nets", "light_model", "html_page", "parallel_work"}, {"configuration"}, {"datasets"}, {"input_pipeline"},
    {"optimization"}, {"runs"}, {"evaluation"}, {"export"}, {"prediction"}, {"commands"},
)  # fmt: skip
"""The way of a model through the rooms of rt_seg_training; a room imports from those before it. The rooms that make or
change data sets (offline_augmentation, synthesis, labelling, label_exchange, learning …) stand beside `prediction`."""
BESIDE = 8

NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "core", "misc", "tools"}


def modules(package: str) -> Dict[str, Path]:
    """Dotted name → file of every module below `package`."""
    root = ROOTS[package]
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = (package, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: Set[str]) -> Iterator[str]:
    """Dotted names that the file imports anywhere, also inside functions; relative imports resolved."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from package import module` imports the module; `from module import thing` the module alone.
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


def imports_of(package: str) -> Dict[str, List[str]]:
    """Module → the modules it imports."""
    found = modules(package)
    known = {name for root in ROOTS for name in modules(root)}
    return {name: sorted(set(imported(name, path, known))) for name, path in found.items()}


def below(package: str, module: str) -> str:
    """First name below the package: rt_seg.engines.openvino → engines; the package itself → ''."""
    return module[len(package) + 1 :].partition(".")[0] if module.startswith(package + ".") else ""


def is_ros(module: str) -> bool:
    """Whether the module is a ROS Python module, or one of the messages and services generated for this package."""
    return module.partition(".")[0] in ROS_PYTHON_MODULES or below("rt_seg", module) in {"msg", "srv", "cfg"}


def floor(module: str) -> int:
    """Floor of a module of rt_seg; what FLOORS does not name (simulation, confusion …) stands beside the segmenter."""
    return FLOORS.get(below("rt_seg", module), 3)


def test_both_packages_are_found():
    assert {"rt_seg.labels", "rt_seg.bundle", "rt_seg.segmenter"} <= set(modules("rt_seg"))
    assert modules("rt_seg_training")


def test_only_the_ros_folder_of_the_live_half_imports_ros():
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports_of("rt_seg").items()
        for target in targets
        if below("rt_seg", module) != "ros" and (is_ros(target) or below("rt_seg", target) == "ros")
    ]
    assert not wrong


def test_the_live_half_imports_nothing_of_the_training_half():
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports_of("rt_seg").items()
        for target in targets
        if target.partition(".")[0] in TRAINING_MODULES and below("rt_seg", module) != "engines"
    ]
    assert not wrong


def test_the_training_half_imports_no_ros():
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports_of("rt_seg_training").items()
        for target in targets
        if is_ros(target) or below("rt_seg", target) == "ros"
    ]
    assert not wrong


def test_no_module_imports_a_floor_above_it():
    wrong = [
        f"{module} (floor {floor(module)}) imports {target} (floor {floor(target)})"
        for module, targets in imports_of("rt_seg").items()
        for target in targets
        if below("rt_seg", module) and below("rt_seg", target) and floor(target) > floor(module)
    ]
    assert not wrong


def training_floor(room: str) -> int:
    """Floor of a room of rt_seg_training."""
    return next((floor for floor, rooms in enumerate(TRAINING_ROOMS) if room in rooms), BESIDE)


def test_no_room_of_the_training_half_imports_a_floor_above_it():
    package = "rt_seg_training"
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports_of(package).items()
        for target in targets
        if below(package, module) and below(package, target)
        and training_floor(below(package, target)) > training_floor(below(package, module))
    ]  # fmt: skip
    assert not wrong


@pytest.mark.parametrize("package", ROOTS)
def test_rooms_import_each_other_in_no_circle(package):
    graph: Dict[str, Set[str]] = {}
    for module, targets in imports_of(package).items():
        room = below(package, module)
        if room:
            rooms = {below(package, target) for target in targets}
            graph.setdefault(room, set()).update(rooms - {room, ""})
    left = dict(graph)
    while left:
        free = [room for room, targets in left.items() if not targets & set(left)]
        assert free, f"circle among {sorted(left)}"
        for room in free:
            del left[room]


@pytest.mark.parametrize("package", ROOTS)
def test_imports_go_in_no_circle(package):
    graph = {name: [target for target in targets if target != name] for name, targets in imports_of(package).items()}
    finished: Set[str] = set()

    def visit(module: str, path: List[str]) -> None:
        if module in path:
            pytest.fail("circle: " + " → ".join([*path[path.index(module) :], module]))
        if module in finished or module not in graph:
            return
        for target in graph[module]:
            visit(target, [*path, module])
        finished.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("package", ROOTS)
def test_every_module_has_a_name_that_says_its_idea(package):
    wrong = [name for name in modules(package) if NAMES_THAT_SAY_NOTHING & set(name.split("."))]
    assert not wrong


@pytest.mark.parametrize("package", ROOTS)
def test_every_folder_with_modules_is_a_package(package):
    folders = {path.parent for path in ROOTS[package].rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def loaded_by_importing(names: List[str]) -> Set[str]:
    """Top-level modules that a fresh interpreter holds after importing `names`."""
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    paths = [str(root.parent) for root in ROOTS.values()]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{program}", *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_importing_the_live_half_loads_neither_tensorflow_nor_ros():
    # Two engines are TensorFlow's own: `create_engine` imports an engine when it is chosen.
    engines = {"rt_seg.engines.saved_model", "rt_seg.engines.keras"}
    # Some run on packages that the live half does without.
    optional = {
        "rt_seg.engines.litert": "ai_edge_litert",
        "rt_seg.engines.onnxruntime": "onnxruntime",
        "rt_seg.serving.segmentation_runtime": "mlserver",
    }
    engines |= {name for name, package in optional.items() if importlib.util.find_spec(package) is None}
    names = [name for name in modules("rt_seg") if below("rt_seg", name) != "ros" and name not in engines]
    assert not loaded_by_importing(names) & {"tensorflow", "keras", "rospy", "rosbag", "sensor_msgs", "rt_seg_training"}


@pytest.mark.slow
def test_importing_the_training_half_loads_no_ros():
    # Not importorskip: TensorFlow in this process makes software OpenGL crash, see make/test.sh.
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("the offline half is not installed: make training")
    # Data set builders are registered by being imported; importing each once is what TFDS does, too.
    names = list(modules("rt_seg_training"))
    if importlib.util.find_spec("apache_beam") is None:
        # Imported when a Beam runner is asked for.
        for name in ("datasets.beam_building", "prediction.beam_prediction"):
            names.remove(f"rt_seg_training.{name}")
    assert not loaded_by_importing(names) & {"rospy", "rosbag", "sensor_msgs"}


def test_no_environment_and_no_link_to_one_is_committed():
    tracked = subprocess.run(["git", "ls-files", ".venv", ".workspace", ".setup"], cwd=str(REPOSITORY),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()  # fmt: skip
    assert not tracked, f"git rm --cached {tracked}: another clone would lose its own"
