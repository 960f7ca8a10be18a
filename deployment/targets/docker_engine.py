"""The Docker Engine: where it is, what of ours it has, and its refusals in an operator's words.

`observe` runs in every `status`, and importing the docker SDK alone costs twice what a `status` may spend. So looking
speaks to the Engine's Unix socket directly, with three GETs; everything that changes something, and an Engine that is
reached by TCP or SSH, goes through the SDK.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from deployment import unix_socket
from deployment.errors import ChangeFailedError, OperatorError, UnreachableError
from deployment.model import Image

if TYPE_CHECKING:
    from docker import DockerClient

DEPLOYMENT, ROLE = "lighthouse-migrate.deployment", "lighthouse-migrate.role"  # labels of every container we make
IMAGE = "lighthouse-migrate.image"  # label of every image we make
ROUTER, COMMAND = "router", "command"  # roles of containers that are no instance
TAGS = (*Image, ROUTER)  # what we have images of
DEFAULT = "unix:///var/run/docker.sock"
PATIENCE = 30.0  # seconds an Engine may take that is busy starting and stopping

REMEDIES = (
    ("is not a shared mount", "as root: mount --bind FOLDER FOLDER && mount --make-shared FOLDER"),
    ("no space left on device", "`docker system df` shows what uses the Engine's disk, `docker system prune` frees it"),
    ("is already in use by container", "rename or remove that container: `docker rename NAME OTHER`"),
    ("port is already allocated", "`docker ps` shows who has it, or choose another port in the settings"),
    ("network", "make the network again, or choose another one: `docker network ls` shows what there is"),
    ("No such image", "`advance` prepares it"),
    ("/dev/fuse", "on the Engine's host, as root: modprobe fuse"),
    ("executable file not found", "the image is not a Bridge's: `docker history IMAGE` shows what it is made from"),
)


class Container(NamedTuple):
    """One container of ours as the Engine describes it."""

    id: str
    name: str
    role: str  # an instance's name, "router" or "command"
    state: str  # "running", "exited", "restarting", "created", "paused", "dead"
    detail: str  # "Exited (137) 5 seconds ago"

    @property
    def runs(self) -> bool:
        """Whether it has a process, or is about to have one again."""
        return self.state in ("running", "restarting", "paused")


class Engine:
    """One deployment's part of a Docker Engine."""

    def __init__(self, state: Path, seconds: float | None = None) -> None:
        """Stand for what the deployment with this state folder has on the Engine; nothing is asked yet.

        With `seconds` everything that is asked from now on has so long altogether.
        """
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self.id = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
        self.repository = f"lighthouse-migrate-{self.id}"
        self.host, self.context = endpoint()
        self._sdk: DockerClient | None = None

    @property
    def sdk(self) -> DockerClient:
        """The SDK's client, made when it is first needed.

        Raises:
            UnreachableError: The Engine does not answer.
        """
        if self._sdk is None:
            with talking("say its version"):
                self._sdk = _connect(self.host, self.context)
        return self._sdk

    def name(self, role: str) -> str:
        """Return the name of a container of ours."""
        return f"lighthouse-{self.id}-{role}"

    def tag(self, image: str) -> str:
        """Return the tag of an image of ours."""
        return f"{self.repository}:{image}"

    def containers(self) -> tuple[Container, ...]:
        """Return every container of ours, also those that ended.

        Raises:
            UnreachableError: The Engine does not answer.
        """
        wanted = {"label": [f"{DEPLOYMENT}={self.id}"]}
        found = []
        for each in self._get(f"/containers/json?all=1&filters={quote(json.dumps(wanted))}"):
            found.append(
                Container(
                    each["Id"],
                    str(each["Names"][0]).lstrip("/"),
                    each["Labels"].get(ROLE, ""),
                    each["State"],
                    each["Status"],
                )
            )
        return tuple(found)

    def pid(self, container: Container) -> int | None:
        """Return the number of a container's first process on this host, None if it is not said at once."""
        try:
            said = self._get(f"/containers/{container.id}/json", missing={})
        except UnreachableError:
            return None  # one that is just being stopped is not described until that is done
        return int(said.get("State", {}).get("Pid") or 0) or None

    def images(self) -> frozenset[str]:
        """Return the tags of ours ("dual", "router").

        Raises:
            UnreachableError: The Engine does not answer.
        """
        # each by its name: to list images the Engine looks at every layer it has
        return frozenset(tag for tag in TAGS if self._get(f"/images/{self.tag(tag)}/json", missing={}))

    def _seconds(self) -> float:
        return PATIENCE if self._deadline is None else max(0.01, self._deadline - time.monotonic())

    def _get(self, path: str, missing: Any = None) -> Any:
        if self.host.startswith("unix://"):
            status, body = _ask(Path(self.host.removeprefix("unix://")), path, self._seconds())
        else:
            with talking("answer"):
                api = self.sdk.api
                answer = api.get(f"{api.base_url}{path}", timeout=self._seconds())
                status, body = answer.status_code, answer.content
        if status == 404 and missing is not None:
            return missing
        if status != 200:
            raise UnreachableError(f"the Docker Engine answers {status} to {path}: {body[:200]!r}", "`docker info`")
        return json.loads(body)


def endpoint() -> tuple[str, str]:
    """Return where the Engine is and the name of the context that says so, as the docker command would choose."""
    if host := os.environ.get("DOCKER_HOST"):
        return host, ""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        said = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        said = {}
    context = os.environ.get("DOCKER_CONTEXT") or said.get("currentContext") or "default"
    if context == "default":
        return DEFAULT, ""
    meta = folder / "contexts" / "meta" / hashlib.sha256(context.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(meta.read_text("utf-8"))["Endpoints"]["docker"]["Host"]), context
    except (OSError, ValueError, KeyError) as error:
        raise UnreachableError(f"the docker context {context} cannot be read", "`docker context ls`") from error


@contextmanager
def talking(doing: str) -> Iterator[None]:
    """Turn the SDK's exceptions into an operator's errors.

    Raises:
        ChangeFailedError: The Engine refuses.
        UnreachableError: It does not answer.
    """
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        raise refusal(doing, str(error.explanation or error)) from error
    except (requests.RequestException, docker.errors.DockerException, OSError) as error:
        if isinstance(error, OperatorError):
            raise
        raise UnreachableError(
            f"the Docker Engine does not answer: {str(error)[:300]}", "`docker info` asks it; `systemctl start docker`"
        ) from error


def refusal(doing: str, why: str) -> ChangeFailedError:
    """Return the error for something the Engine refuses, with the remedy where it is known."""
    hint = next((hint for fragment, hint in REMEDIES if fragment.lower() in why.lower()), "`docker info` asks it more")
    return ChangeFailedError(f"the Docker Engine cannot {doing}: {' '.join(why.split())[:500]}", hint)


def _connect(host: str, context: str) -> DockerClient:
    import docker
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    class Api(docker.APIClient):  # type: ignore[misc]  # docker has no types
        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            # requests would let REQUESTS_CA_BUNDLE take the place of the authority that the Engine's certificate names
            own = self.verify if verify is None else verify
            return super().merge_environment_settings(url, proxies, stream, own, cert)

    if context:
        found = ContextAPI.get_context(context)
        where: dict[str, Any] = {"base_url": host, "tls": (found.TLSConfig if found is not None else None) or False}
    else:
        where = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": host})
    client = docker.DockerClient.__new__(docker.DockerClient)
    client.api = Api(**where, use_ssh_client=True, version="auto", timeout=60)
    return client


def _ask(socket_path: Path, path: str, seconds: float) -> tuple[int, bytes]:
    """GET a path of the Engine's API over its Unix socket."""
    request = f"GET {path} HTTP/1.0\r\nHost: docker\r\nConnection: close\r\n\r\n"
    try:
        with unix_socket.connect(socket_path, seconds) as stream:
            stream.sendall(request.encode())
            pieces = []
            while piece := stream.recv(65536):
                pieces.append(piece)
    except OSError as error:
        raise UnreachableError(
            f"the Docker Engine does not answer at {socket_path}: {error.strerror or error}",
            "`docker info` asks it; `systemctl start docker`",
        ) from error
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise UnreachableError(f"what answers at {socket_path} is no Docker Engine", "`docker info` asks it")
    return int(words[1]), body
