"""Settings that outlive a device's process: written whole after each save, read back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.family import families, family
from emulators.kit.parameters import ParameterError, ParameterStore
from hil.bench.memory import KeptSettings, NothingKept

FAMILY = family("mennekes_ecu")
LIMIT = "Installation Current Limit [A]"
PORT = "Modbus TCP Server Base Port"


@pytest.fixture
def kept(tmp_path: Path) -> KeptSettings:
    return KeptSettings(tmp_path / "settings.json", FAMILY)


def test_what_is_saved_is_kept_and_what_is_only_edited_is_not(kept: KeptSettings) -> None:
    store = ParameterStore(FAMILY.parameters, {LIMIT: 20})
    kept.follow(store)
    assert kept.read() == {LIMIT: 20}
    store.set(LIMIT, "10")
    store.set(PORT, "15502")
    assert kept.read() == {LIMIT: 20}
    store.save()  # the port acts after a restart, but it is saved
    assert kept.read() == {LIMIT: 10, PORT: 15502} == store.saved()
    again = ParameterStore(FAMILY.parameters, kept.read())
    assert (again[LIMIT], again[PORT]) == (10, 15502)
    again.keep = None
    store.reset()
    assert kept.read()[LIMIT] == FAMILY.parameters[LIMIT].parse(FAMILY.parameters[LIMIT].default)


@pytest.mark.parametrize("name", sorted(families()))
@given(data=st.data())
def test_every_family_comes_back_as_it_was(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = family(name)
    kept = KeptSettings(tmp_path_factory.mktemp("settings") / "settings.json", one)
    store = ParameterStore(one.parameters, {})
    kept.follow(store)
    for row in data.draw(st.lists(st.sampled_from(list(one.parameters.values())), max_size=4)):
        text = data.draw(st.sampled_from([*row.allowed, row.default, "1", "7.5", "On", "Off", "10.0.0.9", "a name"]))
        try:
            store.set(row.name, text)
        except ParameterError:
            continue
    store.save()
    again = ParameterStore(one.parameters, kept.read())
    assert again.saved() | store.saved() == store.saved()
    store.restart()
    assert {row: again[row] for row in one.parameters} == {row: store[row] for row in one.parameters}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "no settings are kept there"),
        ("{}", "no settings are kept there"),
        ('{"kind": "hilfarm settings", "type": "pac2200", "parameters": {}}', "settings of a pac2200"),
        ('{"kind": "hilfarm settings", "type": "mennekes_ecu", "parameters": {"x": "1"}}', "no parameter of that name"),
        ('{"kind": "hilfarm settings", "type": "mennekes_ecu", "parameters": {"' + LIMIT + '": "-1"}}', "not possible"),
    ],
)
def test_what_is_no_settings_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(NothingKept, match=f"settings.json: .*{said}"):
        KeptSettings(file, FAMILY).read()


def test_nothing_kept_and_no_place_for_it_are_said(tmp_path: Path) -> None:
    with pytest.raises(NothingKept, match=r"settings\.json: no settings are kept there"):
        KeptSettings(tmp_path / "settings.json", FAMILY).read()
    with pytest.raises(NothingKept, match="hil device --settings FOLDER"):
        KeptSettings(None, FAMILY).read()
    KeptSettings(None, FAMILY).follow(ParameterStore(FAMILY.parameters, {}))


def test_the_file_is_whole_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptSettings(tmp_path / "settings.json", FAMILY)
    store = ParameterStore(FAMILY.parameters, {LIMIT: 20})
    kept.follow(store)

    def power_goes(_file: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hil.bench.memory.os.fsync", power_goes)
    store.set(LIMIT, 10)
    with pytest.raises(KeyboardInterrupt):
        store.save()
    assert json.loads((tmp_path / "settings.json").read_text())["parameters"] == {LIMIT: "20"}
