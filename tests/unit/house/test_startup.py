"""A command imports what it works with: no library, family or part of the farm that it does not use.

Modules are counted, not seconds: a busy machine changes nothing here. ``benchmarks/startup.py`` measures the seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from emulators.kit.family import families, family_types
from hil.cli import compose, up
from hil.compose import engine
from hil.site.cables import DataRequest

ROOT = Path(__file__).parents[3]

#: Runs a command and writes what it has imported, and from where: when it ends, or when its device waits for a bench.
RUN = """
import json, os, sys

before = set(sys.modules)

def tell(*_, **__):
    brought = {name: getattr(sys.modules[name], "__file__", None) or "" for name in set(sys.modules) - before}
    with open(os.environ["BROUGHT"], "w") as file:
        json.dump(brought, file)
    end(0)

end, os._exit = os._exit, tell  # argcomplete ends so

import hil.__main__

if os.environ["SERVES"]:
    from hil.process.seat import DeviceProcess
    DeviceProcess.serve = tell
try:
    hil.__main__.main()
except SystemExit:
    pass
tell()
"""


class Brought:
    """What a command has imported beside Python's own."""

    def __init__(self, modules: dict[str, str]) -> None:
        self.modules = set(modules)
        self.libraries = {name.partition(".")[0] for name, file in modules.items() if "-packages" in file}
        self.rooms = {name.split(".")[1] for name in modules if name.startswith("hil.")} - {"__main__", "cli", "errors"}
        self.families = {name.split(".")[1] for name in modules if name.startswith("emulators.")} & set(family_types())


def run(folder: Path, *words: str, serves: bool = False, **environment: str) -> Brought:
    """Return what ``hil WORDS`` imports, of a seat's process until it serves."""
    file = folder / "brought.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    ours = {"PYTHONPATH": str(ROOT), "HIL_TOKEN": "secret", "BROUGHT": str(file), "SERVES": "yes" if serves else ""}
    env = kept | ours | environment
    command = [sys.executable, "-c", RUN, *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return Brought(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["device", "--help"], ["plug", "--help"]])
def test_help_needs_no_library_and_no_other_part_of_the_farm(tmp_path: Path, words: list[str]) -> None:
    found = run(tmp_path, *words)
    assert (found.libraries, found.rooms) == (set(), set())
    assert not found.modules & {"emulators", "asyncio", "ssl", "importlib.metadata"}


def test_check_imports_the_families_that_the_site_names_and_no_device(tmp_path: Path) -> None:
    found = run(tmp_path, "check", "mennekes/car-park")
    assert {"pydantic", "ruamel"} <= found.libraries
    assert found.libraries <= {
        *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
        *("ruamel", "_ruamel_yaml"),
    }
    assert found.rooms == {"site", "plant"}
    assert found.families == {"mennekes_ecu"}
    assert "emulators.mennekes_ecu.device" not in found.modules
    assert not found.modules & {"asyncio", "ssl"}


def test_a_meters_process_has_no_library_but_its_serial_ports(tmp_path: Path) -> None:
    found = run(tmp_path, "device", "M1=pac2200", serves=True)
    assert found.libraries == {"serial"}
    assert found.families == {"pac2200"}
    assert not found.rooms & {"site", "run", "keywords", "tester", "compose", "hand", "report"}


def test_a_device_is_imported_before_a_bench_waits_for_it(tmp_path: Path) -> None:
    found = run(tmp_path, "device", "P1=dsmr_p1", "CP1=mennekes_ecu", serves=True)
    assert {"emulators.dsmr_p1.device", "emulators.mennekes_ecu.device"} <= found.modules
    assert found.families == {"dsmr_p1", "mennekes_ecu"}
    assert {"fastcrc", "pymodbus", "ocpp"} <= found.libraries  # the telegram, the second meter, the backend
    assert not found.libraries & {"aiohttp", "argcomplete", "pydantic", "rich", "robot", "ruamel"}


def test_a_proxy_needs_no_device_of_its_family(tmp_path: Path) -> None:
    found = run(tmp_path, "proxy", "mennekes_ecu", "--name", "CP1", "--to", "192.0.2.1", serves=True)
    assert not found.libraries & {"ocpp", "websockets", "cryptography"}


@pytest.mark.parametrize(
    ("line", "modules"),
    [("hil de", set()), ("hil sheet pac", {"emulators.kit.family"}), ("hil run --trace f", set())],
)
def test_completion_imports_what_knows_the_words(tmp_path: Path, line: str, modules: set[str]) -> None:
    words = tmp_path / "words"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(words), "COMP_LINE": line}
    found = run(tmp_path, "", COMP_POINT=str(len(line)), **asked)
    assert words.read_text(encoding="utf-8").strip()
    assert modules <= found.modules
    assert (found.libraries, found.rooms, found.families) == ({"argcomplete"}, set(), set())


def test_the_list_of_devices_needs_no_device(tmp_path: Path) -> None:
    found = run(tmp_path, "devices")
    assert found.families == set(family_types())
    assert not found.modules & {f"emulators.{name}.device" for name in family_types()}
    assert found.libraries <= {"fastcrc"}


@pytest.mark.parametrize("name", family_types())
def test_a_family_can_import_its_device(name: str) -> None:
    families()[name].import_device()
    assert f"emulators.{name}.device" in sys.modules


def test_words_that_the_help_has_of_its_own_are_those_of_the_farm() -> None:
    assert compose.LABEL == engine.LABEL
    assert get_args(DataRequest) == up.LINES
