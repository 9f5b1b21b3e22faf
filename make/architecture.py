"""Draws the two halves from their imports: rooms, floors and arrows; `make architecture` writes the images of the docs.

    python3 make/architecture.py            print the numbers of rooms, floors and arrows, and who imports whom
    python3 make/architecture.py --write    and write docs/architecture_live.svg and docs/architecture_offline.svg
    python3 make/architecture.py --check    exit code 1 when these are not those of the code

A room is a folder of a half, or a module beside the folders; of src/rt_seg/ros each folder. A room stands on the floor
above the highest one that it imports from.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

ROOT = Path(__file__).resolve().parents[1]
HALVES = {"live": ("rt_seg", ROOT / "src" / "rt_seg"),
          "offline": ("rt_seg_training", ROOT / "training" / "rt_seg_training")}  # fmt: skip
BOX, GAP, ROW, MARGIN = (150, 34), 22, 92, 20

Graph = Dict[str, Set[str]]


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted: str, package: str, root: Path) -> str:
    """The room of a module of the package; empty for the package itself and for what is generated."""
    parts = dotted.split(".")[1:]
    if dotted.split(".")[0] != package or not parts:
        return ""
    if parts[0] == "ros" and len(parts) > 1 and (root / "ros" / parts[1]).is_dir():
        return f"ros/{parts[1]}"
    there = (root / parts[0]).is_dir() or (root / f"{parts[0]}.py").is_file()
    return parts[0] if there else ""


def rooms(package: str, root: Path) -> Graph:
    """Room → the rooms that it imports from."""
    graph: Graph = {}
    for path in sorted(root.rglob("*.py")):
        name = ".".join((package, *path.relative_to(root).with_suffix("").parts)).replace(".__init__", "")
        own = room(name, package, root)
        if own:
            wanted = {room(target, package, root) for target in imports(path)}
            graph.setdefault(own, set()).update(wanted - {own, ""})
    return graph


def floors(graph: Graph) -> Dict[str, int]:
    """Room → floor, from 0. Raises ValueError for a circle."""
    found: Dict[str, int] = {}

    def visit(name: str, path: Tuple[str, ...]) -> int:
        if name in path:
            raise ValueError("circle: " + " → ".join((*path[path.index(name) :], name)))
        if name not in found:
            found[name] = 1 + max((visit(target, (*path, name)) for target in graph[name]), default=-1)
        return found[name]

    for name in graph:
        visit(name, ())
    return found


def drawing(graph: Graph) -> str:
    """The graph as SVG: a row for each floor, the highest on top, and a line from each room to those it imports."""
    level = floors(graph)
    rows: List[List[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in sorted(graph):
        rows[level[name]].append(name)
    width = max(len(row) for row in rows) * (BOX[0] + GAP) + 2 * MARGIN
    place = {}
    for floor, row in enumerate(rows):
        left = (width - len(row) * (BOX[0] + GAP) + GAP) / 2
        for number, name in enumerate(row):
            place[name] = (left + number * (BOX[0] + GAP), MARGIN + (len(rows) - 1 - floor) * ROW)
    height = len(rows) * ROW - (ROW - BOX[1]) + 2 * MARGIN
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             f'font-size="13"><rect width="{width}" height="{height}" fill="#fff"/>']  # fmt: skip
    for name in sorted(graph):
        for target in sorted(graph[name]):
            (x, y), (to_x, to_y) = place[name], place[target]
            start, end = (x + BOX[0] / 2, y + BOX[1]), (to_x + BOX[0] / 2, to_y)
            middle = (start[1] + end[1]) / 2
            curve = (f"M{start[0]:.0f},{start[1]:.0f} C{start[0]:.0f},{middle:.0f} {end[0]:.0f},{middle:.0f} "
                     f"{end[0]:.0f},{end[1]:.0f}")  # fmt: skip
            lines.append(f'<path d="{curve}" fill="none" stroke="#69c" stroke-opacity="0.6"/>')
    for name, (x, y) in sorted(place.items()):
        lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="5" '
                     f'fill="#eef4fb" stroke="#369"/><text x="{x + BOX[0] / 2:.0f}" y="{y + 22:.0f}" '
                     f'text-anchor="middle">{name}</text>')  # fmt: skip
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    """Print, and write or check the images; returns the exit code."""
    stale = []
    for half, (package, root) in HALVES.items():
        graph = rooms(package, root)
        level = floors(graph)
        arrows = sum(map(len, graph.values()))
        print(f"{package}: {len(graph)} modules on {max(level.values()) + 1} levels, {arrows} dependencies")
        if len(sys.argv) == 1:
            for name in sorted(graph, key=lambda entry: (-level[entry], entry)):
                print(f"  {level[name]}  {name:<24} {', '.join(sorted(graph[name]))}")
        path = ROOT / "docs" / f"architecture_{half}.svg"
        if "--write" in sys.argv:
            path.write_text(drawing(graph), encoding="utf-8")
        elif "--check" in sys.argv and (not path.is_file() or path.read_text(encoding="utf-8") != drawing(graph)):
            stale.append(path)
    for path in stale:
        print(f"{path}: out of date; run: make architecture")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
