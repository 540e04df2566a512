"""Settings files of the campus's processes, written anew at each start because ports may have changed."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware_sim.devices import DeviceSpec
from firmware_sim.world.facts import LaneFacts

# What hangs on a lane of each kind: name there, driver at the gateway, simulator, options of both.
_Hung = tuple[str, str, str, dict[str, Any], dict[str, Any]]
_DEVICES: Mapping[str, tuple[_Hung, ...]] = {
    "plate": (
        ("reader", "tray_reader", "tray_reader", {}, {"missed": 0.02}),
        ("card", "card_reader", "card_reader", {"hold_off_s": 0.2}, {"repeats": 1}),
        ("scanner", "code_scanner", "code_scanner", {"hold_off_s": 0.2}, {}),
        ("printer", "receipt_printer", "receipt_printer", {}, {}),
    ),
    "weigh": (
        ("scale", "scale", "scale_toledo", {"protocol": "toledo"}, {"settle_s": 0.15, "readings_per_s": 20}),
        ("card", "card_reader", "card_reader", {"hold_off_s": 0.2}, {"repeats": 1}),
    ),
    "pos": (
        ("card", "card_reader", "card_reader", {"hold_off_s": 0.2}, {"repeats": 1}),
        ("scanner", "code_scanner", "code_scanner", {"hold_off_s": 0.2}, {}),
        ("printer", "receipt_printer", "receipt_printer", {}, {}),
    ),
    "gate": (
        ("card", "card_reader", "card_reader", {"hold_off_s": 0.2}, {"repeats": 1}),
        ("turnstile", "turnstile", "turnstile", {}, {}),
    ),
    "vision": (
        ("camera", "camera", "camera", {}, {"width": 800, "height": 608, "frames_per_s": 4.0}),
        ("card", "card_reader", "card_reader", {"hold_off_s": 0.2}, {"repeats": 1}),
        ("scanner", "code_scanner", "code_scanner", {"hold_off_s": 0.2}, {}),
        ("printer", "receipt_printer", "receipt_printer", {}, {}),
    ),
}
_FACE: _Hung = ("face", "camera", "camera", {"looks_at": "face"}, {"width": 640, "height": 480, "frames_per_s": 4.0})


def free_port(wanted: int = 0) -> int:
    """A free loopback port: the wanted one where it is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free on the loopback")


def device_specs(lanes: list[LaneFacts], *, seed: int, faults: str) -> list[DeviceSpec]:
    """The devices of some lanes, named 'A1 card'."""
    return [
        DeviceSpec(device=simulator, name=f"{lane.code} {name}", seed=seed + lane.id, faults=faults, options=options)
        for lane in lanes
        for name, _driver, simulator, _settings, options in _hung(lane)
    ]


def edge_toml(
    *,
    name: str,
    cloud_url: str,
    ca_file: Path,
    code: str,
    folder: Path,
    broker: tuple[str, int] | None,
    kiosk_port: int,
    lanes: list[LaneFacts],
    urls: Mapping[str, str],
    sections: Mapping[str, Mapping[str, Any]],
) -> str:
    """A gateway's settings. `urls` are the devices' addresses by 'A1 card'; `sections` adds or overrides settings."""
    tables: dict[str, dict[str, Any]] = {
        "cloud": {"url": cloud_url, "ca_file": str(ca_file), "provisioning_code": code, "name": name},
        "store": {"folder": str(folder)},
        "kiosk": {"port": kiosk_port},
        "sync": {"heartbeat_s": 1.0, "retry_first_s": 0.2, "retry_most_s": 2.0},
    }
    if broker is not None:
        tables["broker"] = {"host": broker[0], "port": broker[1]}
    for section, settings in sections.items():
        tables.setdefault(section, {}).update(settings)
    parts = [f"[{section}]\n{_settings(settings)}" for section, settings in tables.items()]
    return "\n".join(parts + [_lane(lane, urls) for lane in lanes])


def write(path: Path, text: str) -> None:
    """Write a settings file that may hold a one-time code: for its owner's eyes only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _hung(lane: LaneFacts) -> tuple[_Hung, ...]:
    return (*_DEVICES[lane.kind], *((_FACE,) if lane.face_camera else ()))


def _lane(lane: LaneFacts, urls: Mapping[str, str]) -> str:
    parts = [f"[[lane]]\n{_settings({'code': lane.code, 'kind': lane.kind})}"]
    for name, driver, _simulator, options, _simulated in _hung(lane):
        device = {"name": name, "driver": driver, "url": urls[f"{lane.code} {name}"]}
        parts.append(f"[[lane.device]]\n{_settings(device)}")
        if options:
            parts.append(f"[lane.device.options]\n{_settings(options)}")
    return "\n".join(parts)


def _settings(settings: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in settings.items())
