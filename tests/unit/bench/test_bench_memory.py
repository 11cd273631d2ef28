"""What a device keeps without power, in this process or in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulators.kit.host import UnreadableMemory
from hil.bench.memory import KeptMemory


def test_files_outlive_the_process_and_belong_to_one_device(tmp_path: Path) -> None:
    one, other = tmp_path / "CP1.json", tmp_path / "CP1.2.json"
    KeptMemory(one).write("ocpp", "first")
    KeptMemory(one).write("ocpp", "second")
    KeptMemory(other).write("ocpp", "another's")
    assert KeptMemory(one).read("ocpp") == "second"
    assert KeptMemory(one).read("diary") is None
    KeptMemory(one).forget()
    assert KeptMemory(one).read("ocpp") is None
    assert KeptMemory(other).read("ocpp") == "another's"
    assert [file.name for file in tmp_path.iterdir()] == ["CP1.2.json.ocpp.kept"]


@pytest.mark.parametrize(("damage", "why"), [(b"\xff\xfe", "no text"), (None, "Is a directory")])
def test_what_cannot_be_read_is_set_aside(tmp_path: Path, damage: bytes | None, why: str) -> None:
    memory, file = KeptMemory(tmp_path / "CP1.json"), tmp_path / "CP1.json.ocpp.kept"
    if damage is None:
        file.mkdir()
    else:
        file.write_bytes(damage)
    with pytest.raises(UnreadableMemory, match=why) as caught:
        memory.read("ocpp")
    assert str(tmp_path) not in str(caught.value)  # the trace is the same in each folder
    memory.set_aside("ocpp")
    assert memory.read("ocpp") is None
    memory.write("ocpp", "new")
    memory.forget()
    assert [one.name for one in tmp_path.iterdir()] == ["CP1.json.ocpp.unreadable"]


def test_without_a_place_it_is_kept_as_long_as_the_process(tmp_path: Path) -> None:
    memory = KeptMemory()
    memory.write("ocpp", "first")
    assert memory.read("ocpp") == "first"
    memory.forget()
    assert memory.read("ocpp") is None
    assert not list(tmp_path.iterdir())
