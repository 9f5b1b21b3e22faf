"""Runs the command of a container; says whether masks come and the live view answers; ends it by SIGTERM.

look_at_container.py SECONDS COMMAND...
"""

import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

START = 300.0
"""Seconds within which the first mask must come: it is rendered, and the machine may be busy."""


def main(seconds, command):
    """Watch what it prints; 0 where it sent masks for so many seconds, and ended when told to."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []

    def read():
        for line in process.stdout:
            lines.append(line)
            print("   ", line, end="", flush=True)

    threading.Thread(target=read).start()

    def until(pattern, limit):
        end = time.monotonic() + limit
        while time.monotonic() < end and process.poll() is None:
            found = [match for match in (re.search(pattern, line) for line in list(lines)) if match]
            if found:
                return found
            time.sleep(0.2)
        return []

    failures = []
    address = until(r"(http://\S+:8080/\S*)", START)
    masks = until(r"\d+ masks|masks/s|[1-9][0-9.]* Hz", START)
    if masks:
        time.sleep(seconds)
    if not address:
        failures.append("no address of the live view was printed")
    else:
        url = re.sub(r"//[^:/]+:", "//127.0.0.1:", address[0].group(1))
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(url, timeout=20).read()
        print(f"page: {len(page)} bytes")
        try:
            urllib.request.urlopen("http://127.0.0.1:8080/", timeout=20)
            failures.append("the page answers without its token")
        except urllib.error.HTTPError as error:
            print(f"page without the token: {error.code}")
    if not masks:
        failures.append("no line says that masks come")
    if process.poll() is not None:
        failures.append(f"ended by itself with {process.returncode}")
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
        print(f"ended {time.monotonic() - started:.1f} s after SIGTERM, exit code {process.returncode}")
    except subprocess.TimeoutExpired:
        process.kill()
        failures.append("did not end within 30 s of SIGTERM")
    for failure in failures:
        print("FAILED:", failure)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
