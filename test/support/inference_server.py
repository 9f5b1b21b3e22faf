"""A real inference server as a process of its own, for tests; and what is needed for it here."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ros_master import free_port

from rt_seg.serving.model_repository import write_repository

SOURCES = Path(__file__).resolve().parents[2] / "src"


def server_command():
    """The program `mlserver`, of $RT_SEG_MLSERVER or of the PATH; None where there is none."""
    return os.environ.get("RT_SEG_MLSERVER") or shutil.which("mlserver")


def why_not():
    """Why the remote runtime cannot be tested here; empty where it can."""
    if server_command() is None:
        return "mlserver is not installed: make an environment of requirements-server.txt and set RT_SEG_MLSERVER"
    try:
        import tritonclient.grpc  # noqa: F401
    except ImportError as error:
        return f"tritonclient is not installed ({error}): pip install -r requirements-remote.txt"
    return ""


class InferenceServer:
    """MLServer with some bundles, on loopback, as a context."""

    def __init__(self, *bundles, threads=1):
        self._folder = tempfile.TemporaryDirectory()
        self._names = [bundle.name for bundle in bundles]
        repository = Path(self._folder.name)
        for bundle in bundles:
            write_repository(bundle, "mlserver", repository)
        settings = json.loads((repository / "settings.json").read_text())
        self.port = free_port()
        settings.update(grpc_port=self.port, http_port=free_port(), metrics_port=free_port())
        (repository / "settings.json").write_text(json.dumps(settings))
        self.address = f"127.0.0.1:{self.port}"
        self._environment = {**os.environ, "PYTHONPATH": str(SOURCES), "RT_SEG_THREADS": str(threads)}
        self.process = None

    def start(self, patience=120.0):
        """Start the server, and return when it answers."""
        self._log = open(Path(self._folder.name) / "log", "ab")
        self.process = subprocess.Popen(
            [server_command(), "start", self._folder.name], stdout=self._log, stderr=self._log, env=self._environment,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            # The port is open before the models are loaded.
            if self._is_ready():
                return self
            time.sleep(0.2)
        raise RuntimeError("the server did not start: " + self.output())

    __enter__ = start

    def _is_ready(self):
        import tritonclient.grpc as client

        connection = client.InferenceServerClient(self.address)
        try:
            return all(connection.is_model_ready(name, client_timeout=2.0) for name in self._names)
        except client.InferenceServerException:
            return False
        finally:
            connection.close()

    def output(self):
        return (Path(self._folder.name) / "log").read_text(errors="replace")[-3000:]

    def send(self, number):
        """Send a signal to the server."""
        os.killpg(self.process.pid, number)

    def end(self):
        """End the server at once, whatever it does."""
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self._log.close()
            self.process = None

    def __exit__(self, *_):
        self.end()
        self._folder.cleanup()


if __name__ == "__main__":
    print(why_not() or f"{sys.executable} can talk to {server_command()}")
