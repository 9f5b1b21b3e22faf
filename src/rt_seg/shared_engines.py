"""One engine for several cameras: each network is loaded once, and their images take turns at it."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import Deque, Dict, Iterator, List, Optional, Tuple

import numpy as np

from rt_seg.bundle import Bundle
from rt_seg.engines import Engine, create_engine

_Key = Tuple[str, int, int, str, int, str]


class Turns:
    """A fair lock: the longest waiting thread gets it; so under overload all get the same number of turns.

    threading.Lock is given to whoever is quickest, which is often the one that has just let it go.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: Deque[threading.Event] = deque()
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for the block."""
        mine = threading.Event()
        with self._guard:
            if self._taken:
                self._waiting.append(mine)
            else:
                self._taken = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._taken = False


class SharedEngine:
    """The part of one camera in an engine that others may have a part in, too."""

    def __init__(self, pool: EnginePool, key: _Key, engine: Engine) -> None:
        self._pool, self._key = pool, key
        self._engine: Optional[Engine] = engine
        self.runtime, self.description = engine.runtime, engine.description

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits as those of the engine; the array is the caller's."""
        assert self._engine is not None, "closed"
        with self._pool.turns.turn():
            return self._engine.logits(rgb, depth).copy()

    def close(self) -> None:
        """Give the part back; the last one releases the network."""
        if self._engine is not None:
            self._engine = None
            self._pool.give_back(self._key)


class EnginePool:
    """The engines of a process, each loaded once for all that use the same bundle at the same input size."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._loading = threading.Lock()
        self._engines: Dict[_Key, Engine] = {}
        self._users: Dict[_Key, int] = {}

    @property
    def engines(self) -> List[Engine]:
        """What is loaded."""
        return list(self._engines.values())

    def engine(self, bundle: Bundle, runtime: str = "auto", threads: int = 0, precision: str = "auto") -> SharedEngine:
        """A part in the engine of a bundle; see `rt_seg.engines.create_engine` for the arguments and errors."""
        spec = bundle.input
        key = (str(bundle.folder.resolve()), spec.height, spec.width, runtime, threads, precision)
        with self._loading:
            if key not in self._engines:
                self._engines[key] = create_engine(bundle, runtime, threads, precision)
                self._users[key] = 0
            self._users[key] += 1
            return SharedEngine(self, key, self._engines[key])

    def give_back(self, key: _Key) -> None:
        """One user less of an engine; without any it is released."""
        with self._loading:
            self._users[key] -= 1
            if self._users[key]:
                return
            del self._users[key]
            engine = self._engines.pop(key)
        with self.turns.turn():
            engine.close()
