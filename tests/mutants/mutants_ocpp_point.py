"""Planted faults of an OCPP charge point."""

from __future__ import annotations

from mutant import Check, Mutant

HOUSE = "emulators/kit/ocpp"
TESTS = "tests/unit/kit/ocpp"
POINT = f"{TESTS}/test_ocpp_charge_point.py"
QUEUE = f"{TESTS}/test_ocpp_transactions.py"
METERS = f"{TESTS}/test_ocpp_metering.py"
COMMANDS = f"{TESTS}/test_ocpp_commands.py"
STATES = f"{TESTS}/test_ocpp_connector.py"
STATION = "tests/protocol/test_protocol_ocpp_station.py"

MUTANTS_OCPP_POINT = (
    Mutant(
        "OCPP point: a message leaves the queue when it is sent",
        f"{HOUSE}/point/charge_point.py",
        "        self._message = message\n        return Call(",
        "        self.queue.delivered(message)\n        self._message = message\n        return Call(",
        (Check(QUEUE, "a_cut_is_no_attempt"),),
    ),
    Mutant(
        "OCPP point: the queue does not outlive a restart",
        f"{HOUSE}/point/charge_point.py",
        '        self.queue.restore(kept["queue"], self.outbox.order)\n',
        "",
        (Check(QUEUE, "no_message_is_lost"),),
    ),
    Mutant(
        "OCPP point: a lost connection counts as an attempt",
        f"{HOUSE}/point/charge_point.py",
        "        self._is_connected = self.outbox.online = False\n",
        "        self._is_connected = self.outbox.online = False\n"
        "        if self._message is not None:\n"
        "            self.queue.failed(self._message, now_ns)\n",
        (Check(QUEUE, "a_cut_is_no_attempt"),),
    ),
    Mutant(
        "OCPP point: every pause between two tries is the same",
        f"{HOUSE}/point/transactions.py",
        "interval_s * message.attempts * NS_PER_S",
        "interval_s * NS_PER_S",
        (Check(QUEUE, "growing_pauses"),),
    ),
    Mutant(
        "OCPP point: the id of a transaction that began without the backend is not filled in",
        f"{HOUSE}/point/transactions.py",
        "return self._ids.get(transaction, UNKNOWN_ID)",
        "return UNKNOWN_ID",
        (Check(QUEUE, "told_later_in_order"),),
    ),
    Mutant(
        "OCPP point: a message overtakes one that fails",
        f"{HOUSE}/point/transactions.py",
        "return self._messages[0] if self._messages and now_ns >= self._retry_ns else None",
        "return self._messages[0 if now_ns >= self._retry_ns else -1] if self._messages else None",
        (Check(QUEUE, "the_others_wait_behind"),),
    ),
    Mutant(
        "OCPP point: a state that has come back is told after a gap",
        f"{HOUSE}/point/sessions.py",
        "        if self._outbox.online:\n            for report in connector.reports",
        "        if True:\n            for report in connector.reports",
        (Check(POINT, "only_the_present_state"),),
    ),
    Mutant(
        "OCPP point: it speaks before it is accepted",
        f"{HOUSE}/point/charge_point.py",
        'self.outbox.online = self._is_connected and self.registration == "Accepted"',
        "self.outbox.online = self._is_connected",
        (Check(POINT, "pending_it_answers"),),
    ),
    Mutant(
        "OCPP point: the backend's time is not taken over",
        f"{HOUSE}/point/clock.py",
        "        self.ahead_ns = utc_ns - self._epoch_utc_ns - self.now_ns\n",
        "",
        (Check(POINT, "the_clock_is_the_backends"),),
    ),
    Mutant(
        "OCPP point: a blocked card charges without the backend",
        f"{HOUSE}/point/authorize.py",
        'return info if self._keys.flag("LocalAuthorizeOffline") and info.accepted(utc_ns) else None',
        'return info if self._keys.flag("LocalAuthorizeOffline") else None',
        (Check(POINT, "the_lists_decide"),),
    ),
    Mutant(
        "OCPP point: clock-aligned values do not begin again at midnight",
        f"{HOUSE}/point/clock.py",
        "self.farm_ns(min(due, midnight + DAY_NS))",
        "self.farm_ns(due)",
        (Check(METERS, "begins_again_at_midnight"),),
    ),
    Mutant(
        "OCPP point: states go ways that the standard's table does not have",
        f"{HOUSE}/point/connector.py",
        "        return [*self._between(before), self._present]\n",
        "        return [self._present]\n",
        (Check(STATES, "every_state_follows"),),
    ),
    Mutant(
        "OCPP point: an inoperative connector ends its transaction's state at once",
        f"{HOUSE}/point/connector.py",
        "        if self.transaction is not None:\n            if self.offered_a <= 0:",
        "        if self.transaction is not None and self.operative:\n            if self.offered_a <= 0:",
        (Check(COMMANDS, "waits_for_the_end"),),
    ),
    Mutant(
        "OCPP station: what is to be kept is not written",
        f"{HOUSE}/shell/station.py",
        "            self._host.memory.write(MEMORY, self._packer.pack(self.point.parts))\n",
        "",
        (Check(STATION, "outlives_the_power"),),
    ),
    Mutant(
        "OCPP station: a call whose answer the cut swallowed counts as answered",
        f"{HOUSE}/shell/station.py",
        "                except ConnectionLost:\n                    break\n",
        "                except ConnectionLost:\n"
        '                    done = {"transactionId": 0, "idTagInfo": {"status": "Accepted"}}\n'
        "                    self.point.answered(call, done, self._host.now_ns())\n"
        "                    break\n",
        (Check(STATION, "a_hundred_disconnects"),),
    ),
)
