"""What the fuzzers share: spoilt bytes, the limits of time and memory, and the loop that counts findings.

A finding is any exception but the reader's own, more than LONGEST seconds of the processor, or more than MAX_MEMORY.
The random seed of a finding makes its input again.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable

LONGEST = 2.0
"""Seconds of the processor: others may keep the machine busy."""
MAX_MEMORY = 1 << 30
"""Bytes beside what is mapped when fuzzing begins."""
MAX_FINDINGS = 5
LONGEST_MESSAGE = 2000
"""Characters of a refusal."""
NASTY_BYTES = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"[" * 3000, b"<a>" * 3000, b"{" * 500, b"9", b"\xff" * 4, bytes(4),
    b"\xff\xff\xff\x7f",
)  # fmt: skip


class TooSlow(BaseException):
    """Not an Exception, so that no reader can catch it."""


def _alarm(*_: object) -> None:
    raise TooSlow(f"more than {LONGEST:g} s")


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """The bytes with some changed, cut out, repeated, inserted, or cut off."""
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        start = chance.randrange(len(data) + 1)
        stop = min(len(data), start + chance.choice((1, 1, 2, 4, 16, 200)))
        middle, action = data[start:stop], chance.randrange(6)
        if action == 0:
            middle = chance.randbytes(len(middle))
        elif action == 1:
            middle = b""
        elif action == 2:
            middle *= chance.choice((2, 3, 50))
        elif action == 3:
            middle = chance.choice(NASTY_BYTES)
        elif action == 4:
            middle += chance.choice(NASTY_BYTES)
        else:
            middle, stop = b"", len(data)
        data = data[:start] + middle + data[stop:]
    return data


def fuzz(
    name: str,
    attempt: Callable[[int], None],
    refusals: tuple[type[Exception], ...],
    seconds: float,
    seed: int,
    keep: Callable[[], str] = lambda: "",
) -> int:
    """Call `attempt` with seed after seed for a time; the number of findings, each of which is printed.

    It reads what the seed makes, or raises one of the `refusals`; `keep` saves the input of a finding and says where.
    """
    end, results, findings, slowest = time.monotonic() + seconds, Counter[str](), 0, 0.0
    while time.monotonic() < end and findings < MAX_FINDINGS:
        started = time.process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            try:
                attempt(seed)
                results["read"] += 1
            except refusals as error:
                text = str(error)
                if not text.strip() or len(text) > LONGEST_MESSAGE:
                    raise AssertionError(f"a message of {len(text)} characters") from error
                text.encode("utf-8")
                results["refused"] += 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except (Exception, TooSlow) as error:
            findings += 1
            print(f"{name}: {type(error).__name__}: {str(error)[:200]} (seed {seed}){keep()}")
            traceback.print_exc(limit=-6)
        slowest = max(slowest, time.process_time() - started)
        seed += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(results.items()))
    print(f"{name}: {counted}; {findings} findings; slowest {slowest:.2f} s; peak {peak} MB", flush=True)
    return findings


def main(description: str | None, names: Iterable[str], run: Callable[[str, float, int], int]) -> int:
    """Command line of a fuzzer; `run` fuzzes the reader of a name. Returns the exit status: 1 for findings."""
    names = tuple(names)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="for each reader (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first random seed (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGPROF, _alarm)
    with open("/proc/self/statm") as statistics:
        mapped = int(statistics.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MAX_MEMORY, resource.RLIM_INFINITY))
    return int(any([run(name, options.seconds, options.seed) for name in options.readers or names]))
