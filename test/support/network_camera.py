"""A camera that streams JPEGs by HTTP, as network cameras and phones do, and that a test can unplug."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class NetworkCamera:
    """64x48 images at 20 Hz, whose red grows from image to image, at `address`. Use it as a context manager."""

    def __init__(self):
        self.plugged, self.stalled = True, False
        camera = self

        class Stream(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                while camera.plugged:
                    time.sleep(0.05)
                    if camera.stalled:
                        continue
                    image = np.full((48, 64, 3), (0, 0, 20 * (number % 10)), np.uint8)  # red in BGR
                    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
                    number += 1
                    try:
                        self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")
                    except OSError:
                        return

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.plugged = False
        self._server.shutdown()
        self._server.server_close()
