"""Parameters: types and ranges, who is offered what, what is edited, saved and in force."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable, as_text
from emulators.kit.phases import PerPhase

TABLE_TEXT = """\
name,type,allowed,minimum,maximum,default,unit,needs_restart,available_to,menu,source,note
Role,enum,Off|Master|Slave,,,Off,,yes,,M,a manual,
Limit [A],integer,,6,80,32,A,no,,M,a manual,
Safe [A],decimal,,0,32.5,6,A,no,,M,a manual,
Sub Limit [A],per_phase,,0,100,16/16/16,A,no,Role=Master|Slave,M,a manual,
Meter,switch,,,,Off,,yes,Role=Master,M,a manual,
Meter IP,address,,,,,,no,Role=Master&Meter=On,M,a manual,
Schedule,table,,0,100,,A,no,,M,a manual,
Label,text,,,,,,no,,M,a manual,
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ParameterTable:
    return load(tmp_path_factory.mktemp("table"), TABLE_TEXT)


def load(folder: Path, text: str) -> ParameterTable:
    path = folder / "parameters.csv"
    path.write_text(text, encoding="utf-8")
    return ParameterTable.load(path)


@pytest.mark.parametrize(
    ("name", "raw", "value", "text"),
    [
        ("Role", " Master ", "Master", "Master"),
        ("Limit [A]", "16", 16, "16"),
        ("Limit [A]", 80, 80, "80"),
        ("Safe [A]", "7", 7.0, "7.0"),
        ("Safe [A]", "0.000010", 0.00001, "0.00001"),
        ("Safe [A]", 7.5, 7.5, "7.5"),
        ("Safe [A]", 32.5, 32.5, "32.5"),
        ("Sub Limit [A]", "100/0/16", PerPhase(100, 0, 16), "100/0/16"),
        ("Sub Limit [A]", PerPhase(1, 2, 3), PerPhase(1, 2, 3), "1/2/3"),
        ("Meter", True, True, "On"),
        ("Meter", "off", False, "Off"),
        ("Meter IP", "192.168.0.2", "192.168.0.2", "192.168.0.2"),
        ("Meter IP", "", "", ""),
        ("Schedule", "0 64/64/64; 12 32/32/32;", ((0, PerPhase.all(64)), (12, PerPhase.all(32))), None),
        ("Schedule", "", (), ""),
        ("Label", "hall 7", "hall 7", "hall 7"),
    ],
)
def test_values(table: ParameterTable, name: str, raw: object, value: object, text: str | None) -> None:
    parsed = table[name].parse(raw)
    assert parsed == value
    assert type(parsed) is type(value)
    assert as_text(parsed) == text if text is not None else table[name].parse(as_text(parsed)) == value


@pytest.mark.parametrize(
    ("name", "raw", "allowed"),
    [
        ("Role", "master", "Off, Master, Slave."),
        ("Limit [A]", "5", "a whole number from 6 to 80 A."),
        ("Limit [A]", "81", "6 to 80 A"),
        ("Limit [A]", "16.5", "6 to 80 A"),
        ("Limit [A]", "1_6", "6 to 80 A"),
        ("Limit [A]", "١٦", "6 to 80 A"),
        ("Limit [A]", "", "6 to 80 A"),
        ("Limit [A]", True, "6 to 80 A"),
        ("Limit [A]", None, "6 to 80 A"),
        ("Sub Limit [A]", "16/16", "three whole numbers a/b/c"),
        ("Sub Limit [A]", "16/16/101", "each 0 to 100 A"),
        ("Sub Limit [A]", "16", "three whole numbers"),
        ("Safe [A]", "20,5", "a number from 0 to 32.5 A, with a point if it has decimals."),
        ("Safe [A]", "32.6", "0 to 32.5 A"),
        ("Safe [A]", "1e1", "0 to 32.5 A"),
        ("Safe [A]", "nan", "0 to 32.5 A"),
        ("Meter", "yes", "On, Off."),
        ("Meter", 1, "On, Off."),
        ("Meter IP", "192.168.0.256", "an IPv4 address"),
        ("Meter IP", "meter.local", "an IPv4 address"),
        ("Schedule", "24 16/16/16", "hour 0 to 23"),
        ("Schedule", "-1 16/16/16", "hour 0 to 23"),
        ("Schedule", "1_2 16/16/16", "hour 0 to 23"),
        ("Schedule", "12 16/16", "rows 'hour L1/L2/L3'"),
        ("Schedule", "12", "rows 'hour L1/L2/L3'"),
    ],
)
def test_refused_with_what_is_allowed(table: ParameterTable, name: str, raw: object, allowed: str) -> None:
    with pytest.raises(ParameterError) as caught:
        table[name].parse(raw)
    assert allowed in caught.value.allowed
    assert name in str(caught.value)


@given(st.data())
def test_parse_raises_parameter_error_and_nothing_else(table: ParameterTable, data: st.DataObject) -> None:
    row = table[data.draw(st.sampled_from(list(table)))]
    raw = data.draw(st.text() | st.integers() | st.none() | st.booleans() | st.floats())
    try:
        value = row.parse(raw)
    except ParameterError:
        return
    assert row.parse(as_text(value)) == value


def test_a_wrong_name_gets_the_nearest(table: ParameterTable) -> None:
    with pytest.raises(ParameterError, match=r"Did you mean 'Sub Limit \[A\]'\?"):
        table.named("Sub Limits [A]")
    with pytest.raises(ParameterError, match=r"Known: Role, Limit"):
        table.named("xyzzy")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("Limit [A],integer,,6,80,32", "Limit [A],integer,,6,80,5", "'5' is not possible"),
     ("Role,enum", "Role,choice", "parameters.csv:2: type 'choice'")],
)  # fmt: skip
def test_a_wrong_table_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(tmp_path, TABLE_TEXT.replace(old, new))


def test_available_to(table: ParameterTable) -> None:
    store = ParameterStore(table, {"Role": "Slave"})
    assert store.available() == ["Role", "Limit [A]", "Safe [A]", "Sub Limit [A]", "Schedule", "Label"]
    with pytest.raises(ParameterError, match=r"is not available on this device\. It needs Role=Master"):
        store.set("Meter", "On")
    store.set("Role", "Master")  # what the form offers follows what it shows
    assert "Meter" in store.available() and "Meter IP" not in store.available()
    store.set("Meter", "On")
    store.set("Meter IP", "10.0.0.1")
    store.set("Role", "Off")
    assert store.available() == ["Role", "Limit [A]", "Safe [A]", "Schedule", "Label"]
    with pytest.raises(ParameterError, match="is not available"):
        store.shown("Meter IP")


def test_what_a_model_lacks_is_not_offered_and_keeps_its_value(table: ParameterTable) -> None:
    store = ParameterStore(table, {})
    store.lacks = {"Label"}
    assert "Label" not in store.available()
    assert store["Label"] == ""
    with pytest.raises(ParameterError, match=r"Label: is not available on this device\. Its model does not have it\."):
        store.set("Label", "x")


def test_a_device_may_refuse_what_its_family_takes(table: ParameterTable) -> None:
    store = ParameterStore(table, {})
    store.refuse = lambda name, value: "Allowed: no 20." if (name, value) == ("Limit [A]", 20) else ""
    store.set("Limit [A]", 19)
    with pytest.raises(ParameterError, match=r"Limit .A.: '20' is not possible here\. Allowed: no 20\."):
        store.set("Limit [A]", 20)
    assert store.shown("Limit [A]") == "19"


def test_saved_edits_act_at_once_or_after_a_restart(table: ParameterTable) -> None:
    store = ParameterStore(table, {})
    store.set("Limit [A]", "20")
    store.set("Role", "Slave")
    assert (store["Limit [A]"], store["Role"]) == (32, "Off")
    assert (store.shown("Limit [A]"), store.shown("Role")) == ("20", "Slave")
    assert store.save() == ["Role"]
    assert (store["Limit [A]"], store["Role"]) == (20, "Off")
    store.restart()
    assert store["Role"] == "Slave"
    assert store.save() == []


def test_a_restart_drops_unsaved_edits(table: ParameterTable) -> None:
    store = ParameterStore(table, {"Limit [A]": 16})
    store.set("Limit [A]", 20)
    store.restart()
    assert (store["Limit [A]"], store.shown("Limit [A]")) == (16, "16")


def test_a_refused_value_leaves_the_edit_as_it_was(table: ParameterTable) -> None:
    store = ParameterStore(table, {})
    store.set("Limit [A]", 20)
    with pytest.raises(ParameterError):
        store.set("Limit [A]", 5)
    assert store.shown("Limit [A]") == "20"


def test_what_waits_for_a_restart_no_longer_waits_when_it_is_taken_back(table: ParameterTable) -> None:
    store = ParameterStore(table, {})
    store.set("Role", "Slave")
    assert store.save() == ["Role"]
    store.set("Role", "Off")
    assert store.save() == []


def test_what_is_in_force_by_its_type(table: ParameterTable) -> None:
    store = ParameterStore(table, {"Role": "Master", "Schedule": ((6, PerPhase.all(10)),)})
    assert (store.text("Role"), store.text("Meter IP"), store.text("Label")) == ("Master", "", "")
    assert (store.whole("Limit [A]"), store.number("Limit [A]"), store.number("Safe [A]")) == (32, 32, 6.0)
    assert store.flag("Meter") is False
    assert store.per_phase("Sub Limit [A]") == PerPhase.all(16)
    assert store.rows("Schedule") == ((6, PerPhase.all(10)),)


@pytest.mark.parametrize(
    ("accessor", "name", "says"),
    [
        (ParameterStore.text, "Limit [A]", "Limit [A]: expected a text, but it is integer 32"),
        (ParameterStore.whole, "Safe [A]", "Safe [A]: expected a whole number, but it is decimal 6.0"),
        (ParameterStore.whole, "Meter", "Meter: expected a whole number, but it is switch False"),
        (ParameterStore.number, "Meter", "Meter: expected a number, but it is switch False"),
        (ParameterStore.number, "Role", "Role: expected a number, but it is enum 'Off'"),
        (ParameterStore.flag, "Role", "Role: expected a switch, but it is enum 'Off'"),
        (ParameterStore.per_phase, "Schedule", "Schedule: expected three values, but it is table ()"),
        (ParameterStore.rows, "Label", "Label: expected a table, but it is text ''"),
    ],
)
def test_a_value_of_another_type_is_refused(
    table: ParameterTable, accessor: Callable[[ParameterStore, str], object], name: str, says: str
) -> None:
    with pytest.raises(TypeError) as error:
        accessor(ParameterStore(table, {}), name)
    assert str(error.value) == says
