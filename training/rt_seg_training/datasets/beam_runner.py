"""The runner of Apache Beam that a command line names."""

from __future__ import annotations

from typing import Any


class BeamRunnerError(ValueError):
    """Apache Beam is not installed, or has no such runner."""


def find_runner(runner: str, options: str = "") -> tuple[str, Any]:
    """The runner and the PipelineOptions of `options`, "a=1,b=2". Raises BeamRunnerError, which says what to do."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners import create_runner
    except ImportError as error:
        raise BeamRunnerError(
            f"--beam-runner {runner}: Apache Beam is not installed ({error}). Install requirements-beam.txt, or omit "
            "--beam-runner to run locally."
        ) from error
    try:
        create_runner(runner)
    except (ImportError, ValueError, AttributeError) as error:
        raise BeamRunnerError(f"--beam-runner {runner}: Apache Beam has no such runner installed ({error})") from error
    return runner, PipelineOptions(flags=[f"--{option}" for option in options.split(",") if option])


def add_beam_options(parser: Any, work: str) -> None:
    """Add --beam-runner and --beam-options to a parser; `work`: what is done there, a verb."""
    parser.add_argument(
        "--beam-runner", metavar="RUNNER", help=f"{work} on Apache Beam, for example DirectRunner, FlinkRunner"
    )
    parser.add_argument(
        "--beam-options", metavar="A=1,B=2", default="", help="of the Beam pipeline, for example direct_num_workers=8"
    )
