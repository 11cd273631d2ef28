"""The farm's image: wheels built here, tags made of the content, nothing built that has not changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hil
from hil.clock.wall import Stopwatch
from hil.compose.engine import docker, has_image, image_mb, require_engine
from hil.errors import BenchError

NAME: Final = "hilfarm"
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
PUBLIC_BASE: Final = f"python:{PYTHON}-slim"
PACKAGES: Final = ("hil", "emulators")
BUILT_WITH: Final = ("pyproject.toml", ".ci/wheel_backend.py")
SCHEMA: Final = Path("hil", "site", "schema.json")  #: Made by the build from the packages.
PULL_TIMEOUT_S: Final = 300.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """The farm's image.

    Attributes:
        tag: Name and tag.
        size_mb: Its size [MB].
        took_s: What it took to have it [s of wall time].
        built: It was not there before.
    """

    tag: str
    size_mb: float
    took_s: float
    built: bool

    def __str__(self) -> str:
        how = "built" if self.built else "unchanged"
        return f"image {self.tag}   {self.size_mb:.0f} MB   {how} ({self.took_s:.1f} s)"


def ensure(say: Say, base: str | None = None) -> Image:
    """Return the image of the farm as it is in this clone, built if the engine does not hold it.

    Args:
        say: Told what takes long.
        base: Base image; None takes the public one, or builds its equivalent where no registry can be reached.

    Raises:
        BenchError: There is no engine or no clone, the base cannot be had, or a build failed.
    """
    require_engine()
    watch, root = Stopwatch(), _clone()
    base = base or _base(root, say)
    tag = f"{NAME}:{_digest(root, base)}"
    built = not has_image(tag)
    if built:
        wheels = root / "build" / "wheels"
        _dependencies(root, wheels / "dependencies", say)
        _farm(root, wheels / "farm")
        say(f"building {tag} on {base}")
        docker(
            "build", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "--tag", tag,
            "--file", str(root / "compose" / "Dockerfile"), str(wheels), timeout_s=None,
        )  # fmt: skip
    return Image(tag, image_mb(tag), watch.elapsed_s, built)


def _clone() -> Path:
    root = Path(hil.__file__).parent.parent
    if not (root / "compose" / "Dockerfile").is_file():
        raise BenchError("the image is built from a clone of the project; here is an installed package only.")
    return root


def _base(root: Path, say: Say) -> str:
    """Return a base image: the public one, or the one that ``compose/base-image`` makes of Debian packages."""
    script = root / "compose" / "base-image"
    own = f"{NAME}-base:{hashlib.sha256(script.read_bytes()).hexdigest()[:12]}"
    for tag in (PUBLIC_BASE, own):
        if has_image(tag):
            return tag
    try:
        docker("pull", "--quiet", PUBLIC_BASE, timeout_s=PULL_TIMEOUT_S)
    except BenchError:
        say(f"{PUBLIC_BASE} cannot be pulled: building {own} from Debian packages (some minutes)")
        _call([str(script)], root)
        return own
    return PUBLIC_BASE


def _digest(root: Path, base: str) -> str:
    """Return what the image's content depends on: recipe, base, versions, and every file of the packages."""
    found = hashlib.sha256(docker("image", "inspect", "--format", "{{.Id}}", base).encode())
    for file in _sources(root):
        found.update(f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:12]


def _sources(root: Path) -> Iterator[Path]:
    yield from (root / name for name in ("compose/Dockerfile", "constraints.txt", *BUILT_WITH))
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file != root / SCHEMA:
                yield file


def _dependencies(root: Path, folder: Path, say: Say) -> None:
    """Have the wheels of all dependencies, in the versions of the constraints, for this Python."""
    wanted = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    constraints = root / "constraints.txt"
    key = hashlib.sha256(json.dumps([PYTHON, wanted, constraints.read_text(encoding="utf-8")]).encode()).hexdigest()
    note = folder.parent / "dependencies.sha256"
    if note.is_file() and note.read_text(encoding="utf-8") == key:
        return
    say("collecting the wheels of the dependencies")
    shutil.rmtree(folder, ignore_errors=True)
    _call([*_PIP, "wheel", "--quiet", "-c", str(constraints), "--wheel-dir", str(folder), *wanted], root)
    note.write_text(key, encoding="utf-8")


def _farm(root: Path, folder: Path) -> None:
    """Have the wheel of the project as it is now; built in a copy, because setuptools keeps what was deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for name in (*BUILT_WITH, "README.md"):
            (copy / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / name, copy / name)
        for package in PACKAGES:
            shutil.copytree(root / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        _call([*_PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), "."], copy)


_PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name} failed:\n" + "\n".join(done.stderr.splitlines()[-20:]))
