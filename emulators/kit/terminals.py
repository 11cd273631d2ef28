"""What a meter finds at its terminals. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.kit.phases import PerPhase, line_to_line_v


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

    @property
    def powers_w(self) -> PerPhase:
        """Return the active powers, positive = import; cos phi is 1 [W]."""
        return self.currents_a.combine(self.voltage_v, lambda current_a, voltage_v: current_a * voltage_v)

    @property
    def line_to_line_v(self) -> PerPhase:
        """Return the voltages L1-L2, L2-L3 and L3-L1 [V]."""
        l1_v, l2_v, l3_v = self.voltage_v
        return PerPhase(line_to_line_v(l1_v, l2_v), line_to_line_v(l2_v, l3_v), line_to_line_v(l3_v, l1_v))
