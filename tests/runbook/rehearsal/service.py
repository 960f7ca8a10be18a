"""A small real service for the load: files over HTTP and in a folder, which can be told to go wrong."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Service:
    """Serves ROOT/current over HTTP; the same folder stands for the stable mount path."""

    def __init__(self, root: Path) -> None:
        self.live = root
        self.folder = root / "current"
        self.folder.mkdir()
        self.clients: set[str] = set()
        self.fault = ""
        self.release = threading.Event()  # ends the hang of the fault "hang"
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def file(self) -> Path:
                return service.folder / self.path.split("/", 2)[2]

            def do_GET(self) -> None:
                service.clients.add(self.headers["X-Client-Id"])
                if service.fault == "hang":
                    service.release.wait(30)
                if service.fault == "cut":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if self.path.startswith("/list/"):
                    names = [file.name for file in self.file().iterdir()]
                    self.answer(200, json.dumps(names[1:] if service.fault == "list" else names).encode())
                    return
                try:
                    body = self.file().read_bytes()
                except FileNotFoundError:
                    self.answer(404)
                    return
                if service.fault == "byte" and body:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                self.answer(503 if service.fault == "status" else 200, body)

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if service.fault != "lost":
                    fresh = self.file().with_name(f".{threading.get_ident()}")
                    fresh.write_bytes(body)
                    fresh.replace(self.file())
                self.answer(201)

            def do_DELETE(self) -> None:
                self.file().unlink()
                self.answer(204)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Say nothing of the connections that the fault "cut" cuts."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
