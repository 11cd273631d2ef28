"""What the central system asks of a charge point: its calls, each with its confirmation. Sans-I/O.

A payload that comes here has been checked by its schema. Source: OCPP 1.6 edition 2, chapter 5, with the errata of
2025-04, and the white paper on security.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulators.kit.ocpp.point import transfers
from emulators.kit.ocpp.profiles.profile import ClearRequest, CompositeRequest, RateUnit, SetRequest
from emulators.kit.ocpp.wire.payload import PayloadError, Violation, timestamp
from emulators.kit.ocpp.wire.rpc import CallError, Payload
from emulators.kit.ocpp.wire.timestamps import format_utc

if TYPE_CHECKING:
    from emulators.kit.ocpp.point.charge_point import ChargePoint

#: The feature profile of a message (3.2); the others are of the core.
FEATURES: Final = {
    "GetDiagnostics": "FirmwareManagement",
    "UpdateFirmware": "FirmwareManagement",
    "GetLocalListVersion": "LocalAuthListManagement",
    "SendLocalList": "LocalAuthListManagement",
    "CancelReservation": "Reservation",
    "ReserveNow": "Reservation",
    "ClearChargingProfile": "SmartCharging",
    "GetCompositeSchedule": "SmartCharging",
    "SetChargingProfile": "SmartCharging",
    "TriggerMessage": "RemoteTrigger",
}
#: What is refused as long as the charge point is only pending (4.2).
NOT_PENDING: Final = ("RemoteStartTransaction", "RemoteStopTransaction")
_STATES: Final = {
    "DiagnosticsStatusNotification": transfers.DIAGNOSTICS,
    "FirmwareStatusNotification": transfers.FIRMWARE,
    "LogStatusNotification": transfers.LOG,
}


class Commands:
    """The commands of one charge point.

    Args:
        point: The charge point.
    """

    def __init__(self, point: ChargePoint) -> None:
        self._point = point
        self._handlers: dict[str, Callable[[Payload], Payload]] = {
            "CancelReservation": self._cancel_reservation,
            "CertificateSigned": self._certificate_signed,
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": lambda _: _status("Accepted" if point.id_tags.clear_cache() else "Rejected"),
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": lambda _: _status("UnknownVendorId"),
            "DeleteCertificate": lambda asked: _status(point.certificates.delete(asked["certificateHashData"])),
            "ExtendedTriggerMessage": self._trigger,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": self._get_configuration,
            "GetDiagnostics": self._get_diagnostics,
            "GetInstalledCertificateIds": self._get_installed_certificates,
            "GetLocalListVersion": self._get_local_list_version,
            "GetLog": self._get_log,
            "InstallCertificate": self._install_certificate,
            "RemoteStartTransaction": lambda asked: _accepted(point.sessions.remote_start(asked)),
            "RemoteStopTransaction": lambda asked: _accepted(point.sessions.remote_stop(asked["transactionId"])),
            "ReserveNow": lambda asked: _status(point.sessions.reserve(asked)),
            "Reset": self._reset,
            "SendLocalList": lambda asked: _status(point.id_tags.update(asked)),
            "SetChargingProfile": self._set_charging_profile,
            "SignedUpdateFirmware": self._signed_update_firmware,
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock_connector,
            "UpdateFirmware": self._update_firmware,
        }

    def handle(self, action: str, payload: Payload) -> Payload:
        """Return the confirmation of a call.

        Raises:
            CallError: It is refused.
        """
        point = self._point
        if action not in self._handlers:
            raise CallError("NotSupported", f"{action} is not for a charge point.")
        feature = FEATURES.get(action)
        if feature is not None and feature not in point.keys.items("SupportedFeatureProfiles"):
            raise CallError("NotSupported", f"{action} needs {feature}, which this charge point does not have.")
        if point.registration not in ("Accepted", "Pending"):
            raise CallError("GenericError", "This charge point has not been accepted.")
        if point.registration == "Pending" and action in NOT_PENDING:
            return _status("Rejected")
        try:
            return self._handlers[action](payload)
        except PayloadError as error:
            raise CallError(error.violation, str(error)) from None

    # --- core

    def _cancel_reservation(self, asked: Payload) -> Payload:
        return _accepted(self._point.sessions.cancel_reservation(asked["reservationId"]))

    def _change_availability(self, asked: Payload) -> Payload:
        operative = asked["type"] == "Operative"
        return _status(self._point.sessions.change_availability(asked["connectorId"], operative=operative))

    def _change_configuration(self, asked: Payload) -> Payload:
        return _status(self._point.configure(asked["key"], asked["value"]))

    def _get_configuration(self, asked: Payload) -> Payload:
        names, most = asked.get("key", []), self._point.keys.integer("GetConfigurationMaxKeys")
        if len(names) > most:
            raise CallError(Violation.OCCURRENCE, f"{len(names)} keys are more than {most} (GetConfigurationMaxKeys).")
        return self._point.keys.get(names)

    def _reset(self, asked: Payload) -> Payload:
        self._point.reset(hard=asked["type"] == "Hard")
        return _status("Accepted")

    def _unlock_connector(self, asked: Payload) -> Payload:
        connector = self._point.connectors.get(asked["connectorId"])
        if connector is None or not connector.number:
            return _status("NotSupported")
        self._point.sessions.end(connector, "UnlockCommand")
        return _status(self._point.equipment.unlock(connector.number).value)

    # --- local list

    def _get_local_list_version(self, _asked: Payload) -> Payload:
        enabled = self._point.keys.flag("LocalAuthListEnabled")
        return {"listVersion": self._point.id_tags.version if enabled else -1}

    # --- smart charging

    def _set_charging_profile(self, asked: Payload) -> Payload:
        verdict = self._point.engine.install(SetRequest.from_payload(asked))
        self._point.changed()
        return _status(verdict.status)

    def _clear_charging_profile(self, asked: Payload) -> Payload:
        found = self._point.engine.clear(ClearRequest.from_payload(asked))
        self._point.changed()
        return _status("Accepted" if found else "Unknown")

    def _get_composite_schedule(self, asked: Payload) -> Payload:
        point, request = self._point, CompositeRequest.from_payload(asked)
        units = point.keys.items("ChargingScheduleAllowedChargingRateUnit")
        unit = request.unit or (RateUnit.A if "Current" in units else RateUnit.W)
        if request.connector not in point.connectors or {"A": "Current", "W": "Power"}[unit] not in units:
            return _status("Rejected")
        start_utc_ns = point.clock.utc_ns // 1_000_000 * 1_000_000
        meant = [request.connector] if request.connector else [number for number in point.connectors if number]
        maximum_a = sum(point.maximum_a(number) for number in meant)
        schedule = point.engine.composite_schedule(request.connector, start_utc_ns, request.duration_s, unit, maximum_a)
        return {
            "status": "Accepted",
            "connectorId": request.connector,
            "scheduleStart": format_utc(start_utc_ns),
            "chargingSchedule": schedule.as_payload(),
        }

    # --- remote trigger

    def _trigger(self, asked: Payload) -> Payload:
        point, wanted, number = self._point, asked["requestedMessage"], asked.get("connectorId")
        if (number is not None and number not in point.connectors) or point.outbox.is_full:
            return _status("Rejected")
        # Without a connector the standard leaves it to the station: connector 0 and all others (chosen).
        meant = list(point.connectors.values()) if number is None else [point.connectors[number]]
        match wanted:
            case "BootNotification":
                if point.registration == "Accepted":  # rejecting is advised (errata 3.35)
                    return _status("Rejected")
                point.boot_again()
            case "Heartbeat":
                point.heartbeat(asked=True)
            case "MeterValues":
                if not any([point.meters.triggered(connector) for connector in meant]):
                    return _status("Rejected")  # nothing would come
            case "StatusNotification":
                for connector in meant:
                    point.sessions.notify(connector)
            case "SignChargePointCertificate":
                point.sign_certificate()
            case _:
                action = _STATES[wanted]
                if wanted == transfers.FIRMWARE and point.transfers.is_busy(transfers.SIGNED_FIRMWARE):
                    action = transfers.SIGNED_FIRMWARE
                point.outbox.post(action, point.transfers.state(action), asked=True)
        return _status("Accepted")

    # --- firmware, diagnostics, logs

    def _update_firmware(self, asked: Payload) -> Payload:
        clock = self._point.clock
        at_ns = max(clock.now_ns, clock.farm_ns(timestamp(asked["retrieveDate"])))
        self._point.transfers.begin(transfers.FIRMWARE, asked["location"], at_ns, asked)
        return {}

    def _signed_update_firmware(self, asked: Payload) -> Payload:
        clock, firmware = self._point.clock, asked["firmware"]
        at_ns = max(clock.now_ns, clock.farm_ns(timestamp(firmware["retrieveDateTime"])))
        if not self._point.certificates.can_read(firmware["signingCertificate"]):
            self._point.events.happened("InvalidFirmwareSigningCertificate")
            return _status("InvalidCertificate")
        replaced = self._point.transfers.begin(transfers.SIGNED_FIRMWARE, firmware["location"], at_ns, asked)
        return _status("AcceptedCanceled" if replaced else "Accepted")

    def _get_diagnostics(self, asked: Payload) -> Payload:
        self._point.transfers.begin(transfers.DIAGNOSTICS, asked["location"], self._point.clock.now_ns, asked)
        return {"fileName": self._point.file_name("diagnostics")}

    def _get_log(self, asked: Payload) -> Payload:
        location = asked["log"]["remoteLocation"]
        replaced = self._point.transfers.begin(transfers.LOG, location, self._point.clock.now_ns, asked)
        status = "AcceptedCanceled" if replaced else "Accepted"
        return {"status": status, "filename": self._point.file_name(asked["logType"])}

    # --- certificates

    def _install_certificate(self, asked: Payload) -> Payload:
        return _status(self._point.certificates.install(asked["certificateType"], asked["certificate"]))

    def _get_installed_certificates(self, asked: Payload) -> Payload:
        found = self._point.certificates.installed(asked["certificateType"])
        return {"status": "Accepted", "certificateHashData": found} if found else _status("NotFound")

    def _certificate_signed(self, asked: Payload) -> Payload:
        chain = asked["certificateChain"]
        fits = len(chain) <= self._point.keys.integer("CertificateSignedMaxChainSize")
        if fits and self._point.certificates.signed(chain):
            return _status("Accepted")
        self._point.events.happened("InvalidChargePointCertificate")
        return _status("Rejected")


def _status(status: str) -> Payload:
    return {"status": status}


def _accepted(accepted: bool) -> Payload:
    return _status("Accepted" if accepted else "Rejected")
