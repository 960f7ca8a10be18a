"""Can the Bridge's Python import what it needs, and is it what it is taken for?"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from shlex import quote
from typing import Any

from checks import place, words
from checks.check import Check, Context, Finding, Severity
from checks.disposable import ask, parsed
from checks.inplace import image_for, run_json
from checks.remedies import ours
from deployment.errors import UnreachableError

PATIENCE = 20.0  # seconds
OURS = ("bridge", "dualfuse")  # what the Bridge's image has of this house

# What metadata.packages_distributions() says of these names: most lists of files need not be taken apart for that.
_OWNERS = """
import importlib.metadata as metadata
def owners(names):
    found = {name: set() for name in names}
    for package in metadata.distributions():
        declared = package.read_text("top_level.txt") or ""
        listed = [declared, *(package.read_text(file) or "" for file in ("RECORD", "SOURCES.txt"))]
        if not any("\\n" + name in "\\n" + text for name in names for text in listed):
            continue
        files = [file for file in package.files or () if file.suffix == ".py"]
        inside = {file.parts[0] if len(file.parts) > 1 else file.stem for file in files}
        for name in found.keys() & (declared.split() or inside):
            found[name].add(package.metadata["Name"])
    return {name: sorted(packages) for name, packages in found.items()}
"""

# In children of the child, side by side: what the C library says on stderr at the import belongs to the answer.
_LOOK = """
import importlib.util as util, json, subprocess, sys
modules, ours = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
def where(name):
    found = util.find_spec(name)
    return (found.origin or "".join(found.submodule_search_locations or [])) if found else ""
def start(module):
    code = f"import {module}; print(hasattr({module}, '{'run' if module == 'trio' else 'Operations'}'))"
    return subprocess.Popen([sys.executable, "-P", "-c", code], stdout=-1, stderr=-1, text=True)
answer = {"python": sys.executable, "modules": {}, "ours": {}}
running = {module: start(module) for module in modules if where(module)}
for module, package in modules.items():
    said, complaint = running[module].communicate() if module in running else ("", "")
    answer["modules"][module] = {
        "ok": module in running and running[module].returncode == 0, "whole": said.strip() == "True",
        "stderr": complaint.strip(), "version": version(package), "where": where(module),
    }
for name, packages in owners(ours).items():
    answer["ours"][name] = {"where": where(name), "packages": packages}
answer["rivals"] = {name: version(name) for name in ("fuse-python",) if version(name)}
print(json.dumps(answer))
"""

_RIVALS = """
import json, sys
known = owners(json.loads(sys.argv[1]))
rivals = {name: [p for p in packages if p != "lighthouse-migrate"] for name, packages in known.items()}
print(json.dumps({"python": sys.executable, "rivals": {n: packages for n, packages in rivals.items() if packages}}))
"""
TOOL = ("runbook", "phases", "checks", "cleanup", "deployment")
_OURS = "nothing has a name of ours"
_PACKAGES = {"fuse": "fusepy", "pyfuse3": "pyfuse3", "trio": "trio"}


_BACKEND = {"fuse": "fusepy", "pyfuse3": "pyfuse3", "trio": "pyfuse3"}


def _look(context: Context, backend: str) -> dict[str, Any]:
    """Look at everything in the image a backend is tried in, once a run whatever the number of checks."""
    image = place.existing(lambda: image_for(context.target.observe(), backend))
    arguments = ["-c", _OWNERS + _LOOK, json.dumps(_PACKAGES), json.dumps(OURS)]
    found = context.once.answer(("packages", image), lambda: run_json(context, arguments, image, PATIENCE))
    assert isinstance(found, dict)
    return found


def _install(context: Context, found: dict[str, Any], package: str) -> tuple[str, ...]:
    """Return the command that installs a package anew in the Bridge's environment."""
    if context.target.kind != "local":
        return (ours("plan"),)  # an image is built again, not mended
    wheels = quote(str(context.place.state / "wheels"))
    return (f"{_uv('install', found)} --offline --no-index --find-links {wheels} --reinstall --no-deps {package}",)


def _uninstall(found: dict[str, Any], packages: Sequence[str]) -> str:
    return f"{_uv('uninstall', found)} {' '.join(packages)}"


def _uv(command: str, found: dict[str, Any]) -> str:
    return f"{quote(sys.executable)} -m uv --quiet pip {command} --python {quote(found['python'])}"


def fusepy(context: Context) -> Finding | None:
    """Import `fuse` and see that it is fusepy's."""
    found = _look(context, "fusepy")
    if "fuse-python" in found["rivals"]:
        version = found["rivals"]["fuse-python"]
        text = f"fuse-python {version} is installed, which has the module `fuse` too"
        remove = _uninstall(found, ("fuse-python",))
        why = "It is another library with another interface: whichever was installed last is imported."
        return Finding(text, why, "remove it, and install fusepy again", (remove, *_install(context, found, "fusepy")))
    return _imported(context, found, "fuse")


def pyfuse3(context: Context) -> Finding | None:
    """Import pyfuse3, whose extension needs libfuse3 at once."""
    return _imported(context, _look(context, "pyfuse3"), "pyfuse3")


def trio(context: Context) -> Finding | None:
    """Import trio, on which pyfuse3 stands."""
    return _imported(context, _look(context, "pyfuse3"), "trio")


def _imported(context: Context, found: dict[str, Any], module: str) -> Finding | None:
    seen, package = found["modules"][module], _PACKAGES[module]
    if seen["ok"] and not seen["whole"]:
        # another file of that name, or the package's folder without an extension for this Python
        text = f"`import {module}` gives {seen['where'] or 'an empty folder'}, which is not {package}"
        why = f"A Bridge on {_BACKEND[module]} does not start with it."
        return Finding(text, why, "install it again", _install(context, found, package))
    if seen["ok"] and seen["version"]:
        return None
    why = f"A Bridge on {_BACKEND[module]} does not start without it."
    if seen["ok"]:
        text = f"{module} is imported from {seen['where']}, and no package {package} is installed"
        return Finding(
            text, "Nobody knows which version it is.", "install it", _install(context, found, package), Severity.WARN
        )
    said = (seen["stderr"].splitlines() or ["it said nothing"])[-1]
    if not seen["where"]:
        return Finding(f"{package} is not installed", why, "install it", _install(context, found, package))
    return Finding(
        f"{package} {seen['version']} cannot be imported: {said}",
        why,
        "install it again",
        _install(context, found, package),
    )


def shadowing(context: Context) -> Finding | None:
    """Find packages of other people that are imported in the place of the Bridge's own."""
    found = _look(context, _any_backend(context))
    for name, seen in found["ours"].items():
        rivals = [p for p in seen["packages"] if not p.startswith("lighthouse")]
        if rivals:
            text = f"the package {words.listed(rivals)} has a module `{name}` too"
            why = "It may be imported instead of the Bridge's own."
            return Finding(text, why, "remove it", (_uninstall(found, rivals),))
    return None


def _any_backend(context: Context) -> str:
    try:
        image_for(context.target.observe(), "fusepy")
    except UnreachableError:
        return "pyfuse3"
    return "fusepy"


def rivals(_context: Context) -> Finding | None:
    """Find packages of other people that have a module of the same name as one of the tool's."""
    answer = ask([sys.executable, "-I", "-c", _OWNERS + _RIVALS, json.dumps(TOOL)], PATIENCE)
    found = parsed(answer.stdout, answer.stderr, answer.returncode or 0)
    for name, packages in found["rivals"].items():
        text = f"the package {words.listed(packages)} has a module `{name}` too"
        why = "It may be imported instead of the tool's own, which then fails in a way that nobody understands."
        return Finding(text, why, "remove it", (_uninstall(found, packages),))
    return None


CHECKS = (
    Check("host.packages", "Is nothing imported in the place of the tool's own packages?", "host", rivals, 25.0, _OURS),
    Check("image.fusepy", "Is `fuse` fusepy, and can it be imported?", "image", fusepy, 25.0, "fusepy can be imported"),
    Check("image.pyfuse3", "Can pyfuse3 be imported?", "image", pyfuse3, 25.0, "pyfuse3 can be imported"),
    Check("image.trio", "Can trio be imported?", "image", trio, 25.0, "trio can be imported"),
    Check(
        "image.packages",
        "Is nothing imported in the place of the Bridge's own packages?",
        "image",
        shadowing,
        25.0,
        _OURS,
    ),
)
