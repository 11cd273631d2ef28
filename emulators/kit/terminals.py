"""What a meter finds at its terminals. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.kit.phases import PerPhase


@dataclass(frozen=True, slots=True)
class Reading:
    """What is at a meter's terminals in one moment.

    Attributes:
        currents_a: Signed currents, positive = import [A].
        neutral_a: RMS current in the neutral [A].
        voltage_v: Voltages L-N [V].
        import_wh: Energy imported since the start, per phase [Wh].
        export_wh: Energy exported since the start, per phase [Wh].
    """

    currents_a: PerPhase
    neutral_a: float
    voltage_v: PerPhase
    import_wh: PerPhase
    export_wh: PerPhase
