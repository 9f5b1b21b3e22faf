"""What the tools of the package have in common on the command line: name, help with an example, exit codes, and old
spellings that are still understood.

Exit codes: 0 done; 1 ran, and found something (a camera that is missing, an image that got no mask); 2 bad input,
nothing could be begun; 130 ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import textwrap
from dataclasses import MISSING, Field, fields
from typing import Any, List, Optional, Sequence

DONE, FOUND, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Help(argparse.HelpFormatter):
    """Wraps text as argparse does, but keeps paragraphs, and indented lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: List[str] = []
        # Lines of a paragraph are joined: where they end in the source is not where they end on a terminal.
        for kept, group in itertools.groupby(text.splitlines(), lambda line: line.startswith("  ") or not line):
            part = list(group)
            lines += part if kept else [textwrap.fill(" ".join(part), width, initial_indent=indent)]
        return "\n".join(lines)


def command_parser(name: str, description: str, example: str, **settings: Any) -> argparse.ArgumentParser:
    """A parser for the tool `name`, which users start by `rosrun rt_seg name`.

    `example` stands at the end of its help as it is: the lines of calls, and what is to be said about them.

    >>> parser = command_parser("count_masks", "Count masks.", "rosrun rt_seg count_masks my_images")
    >>> print(parser.format_help().splitlines()[-1])
      rosrun rt_seg count_masks my_images
    """
    lines = [line.strip() if line.strip().startswith("ros") else line for line in example.strip("\n").splitlines()]
    return argparse.ArgumentParser(
        prog=f"rosrun rt_seg {name}",
        description=description,
        epilog="\n".join(["example:", *(f"  {line}" if line.startswith("ros") else line for line in lines)]),
        formatter_class=_Help,
        **settings,
    )


def old_spelling(parser: argparse.ArgumentParser, old: str, new: str) -> None:
    """Let the option `old` stand for the option `new` of the parser, with a notice; the help does not show it."""
    action = next(action for action in parser._actions if new in action.option_strings)

    class Renamed(argparse.Action):
        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Optional[str] = None) -> None:
            notice(f"{option_string} is now called {new}; the old name will be removed in the next release")
            action(parser, namespace, values, new)

    parser.add_argument(
        old, action=Renamed, dest=action.dest, nargs=action.nargs, type=action.type or str, choices=action.choices,
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip


def notice(text: str) -> None:
    """Print a notice on stderr; the tool continues."""
    print(f"note: {text}", file=sys.stderr)


def _described(entry: Field) -> str:
    accepted, minimum, maximum = (entry.metadata.get(key) for key in ("accepted", "minimum", "maximum"))
    remarks = [] if entry.default is MISSING else [f"default: {entry.default!r}"]
    if accepted:
        remarks.append(", ".join(map(str, accepted)))
    elif minimum is not None and maximum is not None:
        remarks.append(f"{minimum:.10g} to {maximum:.10g}")
    text = entry.metadata.get("help", "")
    return "  ".join([f"  _{entry.name}", *([text] if text else []), f"({'; '.join(remarks) or 'required'})"])


def node_arguments(
    name: str, description: str, settings: Sequence[type], example: str, arguments: Optional[List[str]] = None
) -> None:
    """Answer --help of a ROS node, and refuse what is neither a parameter nor a remapping (exit code 2).

    `settings`: the dataclasses that the node's private parameters are read into. Called before the node is made, so
    help needs no ROS master.
    """
    entries = [_described(entry) for kind in settings for entry in fields(kind)]
    text = f"{description}\n\nprivate parameters, given as _name:=value, or in a launch file:\n" + "\n".join(entries)
    usage = f"rosrun rt_seg {name} [_parameter:=value ...] [topic:=other ...]"
    parser = command_parser(name, text, example, usage=usage)
    rest = [argument for argument in (sys.argv[1:] if arguments is None else arguments) if ":=" not in argument]
    parser.parse_args(rest)
