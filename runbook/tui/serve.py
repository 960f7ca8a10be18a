"""The screens in a browser: on this machine's loopback alone, for whoever has the token, read-only unless told.

Every page, file and connection is admitted by one rule. The token is handed over once, in the address that is printed,
and is a cookie from then on; a page of somewhere else can neither read it nor connect with it. The page asks nobody
else for anything, a font included, and the browser is told to hold it to that.
"""

from __future__ import annotations

import secrets
import shlex
import sys
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

from deployment.errors import UsageError
from runbook.cli import output

HOST = "127.0.0.1"
PAGES = Path(__file__).with_name("served")
PROGRAM = "from runbook.cli.main import run; run()"


class Served(Server):
    """Starts the screens for each browser that is admitted."""

    def __init__(self, command: str, port: int, token: str) -> None:
        """Serve what `command` shows on `port`, to whoever knows `token`."""
        super().__init__(command, host=HOST, port=port, title="lighthouse-migrate", templates_path=PAGES)
        self._token = token
        self._here = f"{HOST}:{port}"
        self._cookie = f"lighthouse-migrate-{port}"
        self._policy = (  # the terminal in the page writes its own styles
            f"default-src 'self'; connect-src 'self' ws://{self._here}; img-src 'self' data:; "
            "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )

    @property
    def address(self) -> str:
        """Return the address that admits, once."""
        return f"http://{self._here}/?token={self._token}"

    def serve(self, debug: bool = False) -> None:
        """Serve until interrupted, and say where once somebody can come.

        Raises:
            OSError: The port is taken.
        """
        self.debug = debug
        web.run_app(self._make_app(), host=self.host, port=self.port, print=self._say_where)

    def _say_where(self, _what: object) -> None:
        output.say(f"the screens are at {self.address}")
        output.say("whoever has this address sees them; Ctrl-C ends")

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: nobody can come."""

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._admission())
        app.on_response_prepare.append(self._confine)
        return app

    async def _confine(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = self._policy

    def _admission(self) -> Middleware:
        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            if request.host != self._here or (origin is not None and origin != f"http://{self._here}"):
                return web.Response(status=403, text=f"only http://{self._here} is served\n")
            if request.path == "/" and self._knows(request.query.get("token", "")):
                onwards = web.Response(status=303, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
                onwards.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
                return onwards
            if not self._knows(request.cookies.get(self._cookie, "")):
                return web.Response(status=403, text="open the address that was printed, with its token\n")
            return await handler(request)

        return admit

    def _knows(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def command(settings: Path, *, read_only: bool) -> str:
    """Return the command line that a browser's screens are started with."""
    words = [sys.executable, "-c", PROGRAM, "--settings", str(settings), "tui"]
    return shlex.join([*words, "--read-only"] if read_only else words)


def serve(settings: Path, port: int, *, read_only: bool) -> None:
    """Serve the screens until interrupted.

    Raises:
        UsageError: The port is taken.
    """
    served = Served(command(settings, read_only=read_only), port, secrets.token_urlsafe(24))
    try:
        served.serve()
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be served on: {error.strerror or error}", "`--port` names another"
        ) from error
