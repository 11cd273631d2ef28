"""Planted faults of OCPP under load, after damage, and with certificates."""

from __future__ import annotations

from mutant import Check, Mutant

HOUSE = "emulators/kit/ocpp"
UNIT = "tests/unit/kit/ocpp"
STATION = "tests/protocol/test_protocol_ocpp_station.py"
SECURITY = "tests/protocol/test_protocol_ocpp_security.py"

MUTANTS_OCPP_LOAD = (
    Mutant(
        "OCPP memory: its checksum is not looked at",
        f"{HOUSE}/point/storage.py",
        '    if not state.endswith("\\n") or checksum != _checksum(state[:-1]):\n',
        '    if not state.endswith("\\n"):\n',
        (Check(STATION, "damaged_memory"),),
    ),
    Mutant(
        "OCPP memory: a part that has changed is not encoded again",
        f"{HOUSE}/point/storage.py",
        "if name not in self._texts or self._texts[name][0] != revision:",
        "if name not in self._texts:",
        (Check(f"{UNIT}/test_ocpp_transactions.py", "outlives_a_restart"),),
    ),
    Mutant(
        "OCPP memory: settings that are wrong cost the station what it kept",
        f"{HOUSE}/shell/station.py",
        "        point = make(kept=None)  # whatever else is wrong is raised here\n        memory.set_aside(MEMORY)\n",
        "        memory.set_aside(MEMORY)\n        point = make(kept=None)\n",
        (Check(STATION, "settings_that_are_wrong"),),
    ),
    Mutant(
        "OCPP point: a reservation does not outlive a restart",
        f"{HOUSE}/point/sessions.py",
        "            everyone[number].reservation = Reservation(**reservation)\n",
        "            pass\n",
        (Check(f"{UNIT}/test_ocpp_commands.py", "reservations_outlive"),),
    ),
    Mutant(
        "OCPP point: a guest is left a connector that somebody else has reserved",
        f"{HOUSE}/point/sessions.py",
        "left = [one for one in free if one.reservation is None]",
        "left = free",
        (Check(f"{UNIT}/test_ocpp_commands.py", "reservations_outlive"),),
    ),
    Mutant(
        "OCPP point: a queue that is too long loses its oldest messages",
        f"{HOUSE}/point/transactions.py",
        "dropped = set([message for message in rest if message.action == METER_VALUES][::2])",
        "dropped = set(self._messages[:1])",
        (Check(f"{UNIT}/test_ocpp_transactions.py", "thinned_out"),),
    ),
    Mutant(
        "OCPP session: calls that wait are not counted",
        f"{HOUSE}/shell/session.py",
        "                if len(self._asked) > MOST_CALLS:\n",
        "                if len(self._asked) > MOST_CALLS * 1000:\n",
        (Check("tests/protocol/test_protocol_ocpp_frames.py", "close_with_1008"),),
    ),
    Mutant(
        "OCPP security: any certificate of the run opens any identity",
        f"{HOUSE}/shell/security.py",
        '            return "" if is_for_it else f"the',
        '            return "" if names else f"the',
        (Check(SECURITY, "refuses_in_words or identity_that_was_proved"),),
    ),
    Mutant(
        "OCPP security: the subject that a station asked for goes before the identity that it proved",
        f"{HOUSE}/shell/security.py",
        "    return tuple(others or common)\n",
        "    return tuple(common or others)\n",
        (Check(SECURITY, "for_whom or identity_that_was_proved"),),
    ),
    Mutant(
        "OCPP station: installed roots are kept and not trusted",
        f"{HOUSE}/shell/station.py",
        "self._given.trusted + certificates.roots.encode()",
        "self._given.trusted",
        (Check(STATION, "installed_root"),),
    ),
    Mutant(
        "central system: a reader of its file locks it out",
        "emulators/backend/book.py",
        "pragma journal_mode = wal; ",
        "",
        (Check("tests/unit/backend/test_backend_system.py", "takes_his_time"),),
    ),
)
