"""When meter values are taken and where they go (OCPP 1.6, 4.7 and 9.1.5 to 9.1.28). Sans-I/O.

Sampled values lie whole intervals after the begin of their transaction, clock-aligned ones whole intervals after
midnight by the device's clock. What belongs to a transaction goes the way of the transaction's messages.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.calls import Outbox
from emulators.kit.ocpp.point.clock import DeviceClock
from emulators.kit.ocpp.point.connector import Connector, Transaction
from emulators.kit.ocpp.point.equipment import Equipment
from emulators.kit.ocpp.point.keys import Keys
from emulators.kit.ocpp.point.metering import Sampler, for_transaction_data, thinned
from emulators.kit.ocpp.point.transactions import TransactionQueue
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.wire.rpc import Payload


class MeterValues:
    """The meter values of one charge point.

    Args:
        connectors: Every connector, connector 0 included.
        equipment: Whose meters.
        supply: Phases and nominal voltage.
        keys: What is taken, and how often.
        clock: The device's.
        outbox: Where values go that belong to no transaction.
        queue: Where the others go.

    Attributes:
        revision: Rises with each value that a transaction keeps.
    """

    def __init__(
        self,
        connectors: Mapping[int, Connector],
        *,
        equipment: Equipment,
        supply: StationSupply,
        keys: Keys,
        clock: DeviceClock,
        outbox: Outbox,
        queue: TransactionQueue,
    ) -> None:
        self._connectors, self._equipment, self._supply = connectors, equipment, supply
        self._keys, self._clock, self._outbox, self._queue = keys, clock, outbox, queue
        self._samplers: dict[tuple[int, str], Sampler] = {}
        self.revision = 0
        self._aligned: tuple[int, int, int] | None = None  # interval, clock, when the next ones are due

    def register_wh(self, connector: int) -> float:
        """Return a connector's energy register [Wh]."""
        readings = self._equipment.readings(connector)
        return 0.0 if readings is None else readings.energy_wh

    def begun(self, connector: Connector, transaction: Transaction) -> None:
        """Take the values at the begin of a transaction."""
        self._sample(connector, "MeterValuesSampledData", "Sample.Periodic")  # where intervals begin
        self._keep(connector, transaction, "StopTxnSampledData", "Transaction.Begin")

    def ended(self, connector: Connector, transaction: Transaction) -> None:
        """Take the values at the end of a transaction."""
        self._keep(connector, transaction, "StopTxnSampledData", "Transaction.End")

    def advance(self) -> None:
        """Take what is due."""
        now_ns = self._clock.now_ns
        for connector in self._connectors.values():
            transaction, due_ns = connector.transaction, self._sample_due_ns(connector)
            if transaction is not None and due_ns is not None and now_ns >= due_ns:
                transaction.sampled_ns = now_ns
                self._send(connector, "MeterValuesSampledData", "Sample.Periodic")
                self._keep(connector, transaction, "StopTxnSampledData", "Sample.Periodic")
        due_ns = self._aligned_due_ns()
        if due_ns is not None and now_ns >= due_ns:
            self._aligned = None
            for connector in self._connectors.values():
                self._send(connector, "MeterValuesAlignedData", "Sample.Clock")
                if connector.transaction is not None:
                    self._keep(connector, connector.transaction, "StopTxnAlignedData", "Sample.Clock")

    def due_ns(self) -> list[int]:
        """Return when something is due [farm time]."""
        samples = [self._sample_due_ns(connector) for connector in self._connectors.values()]
        return [due_ns for due_ns in (*samples, self._aligned_due_ns()) if due_ns is not None]

    def triggered(self, connector: Connector) -> bool:
        """Send the sampled values of now, because the central system wants them; return whether there are any."""
        payload = self._payload(connector, "MeterValuesSampledData", "Trigger")
        if payload is None:
            return False
        if connector.transaction is not None:
            payload["transactionId"] = self._queue.transaction_id(connector.transaction.number)
        self._outbox.post("MeterValues", payload, asked=True)
        return True

    def comes_of(self, key: str, entry: str) -> bool:
        """Return whether an entry of a list of measurands ever brings a value: some connector's meter measures it."""
        return any(self._can_tell(connector, key, entry) for connector in self._connectors.values())

    def _can_tell(self, connector: Connector, key: str, entry: str) -> bool:
        readings = self._equipment.readings(connector.number)
        if readings is None:
            return False
        sampler = Sampler(self._supply, inlet=connector.number == 0)
        sampled = sampler.sample([entry], readings, connector.offered_a, "Sample.Periodic")
        return bool(for_transaction_data(sampled) if key.startswith("StopTxn") else sampled)

    # --- inside

    def _sample_due_ns(self, connector: Connector) -> int | None:
        interval_ns = self._keys.integer("MeterValueSampleInterval") * NS_PER_S
        transaction = connector.transaction
        if transaction is None or not interval_ns:
            return None
        before = (transaction.sampled_ns - transaction.since_ns) // interval_ns
        return transaction.since_ns + (before + 1) * interval_ns

    def _aligned_due_ns(self) -> int | None:
        interval_s = self._keys.integer("ClockAlignedDataInterval")
        if not interval_s:
            self._aligned = None
            return None
        if self._aligned is None or self._aligned[:2] != (interval_s, self._clock.ahead_ns):
            self._aligned = interval_s, self._clock.ahead_ns, self._clock.aligned_after(interval_s)
        return self._aligned[2]

    def _sample(self, connector: Connector, key: str, context: str) -> list[Payload]:
        readings = self._equipment.readings(connector.number)
        if readings is None:
            return []
        place = connector.number, key
        if place not in self._samplers:
            self._samplers[place] = Sampler(self._supply, inlet=connector.number == 0)
        return self._samplers[place].sample(self._keys.items(key), readings, connector.offered_a, context)

    def _payload(self, connector: Connector, key: str, context: str) -> Payload | None:
        sampled = self._sample(connector, key, context)
        if not sampled:
            return None
        value = {"timestamp": self._clock.timestamp, "sampledValue": sampled}
        return {"connectorId": connector.number, "meterValue": [value]}

    def _send(self, connector: Connector, key: str, context: str) -> None:
        payload = self._payload(connector, key, context)
        if payload is None:
            return
        if connector.transaction is None:
            self._outbox.post("MeterValues", payload)
        else:
            self._queue.put("MeterValues", connector.transaction.number, payload, self._outbox.order())

    def _keep(self, connector: Connector, transaction: Transaction, key: str, context: str) -> None:
        sampled = for_transaction_data(self._sample(connector, key, context))
        if sampled:
            one: Payload = {"timestamp": self._clock.timestamp, "sampledValue": sampled}
            transaction.data = thinned([*transaction.data, one])
            self.revision += 1
