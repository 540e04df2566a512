"""How a command is authenticated: HMAC-SM3 under a key of the site, which only it and the cloud hold."""

import msgspec

from protocols.crypto.sm3 import equal, hmac_sm3
from protocols.telemetry.messages import Command

_encode = msgspec.msgpack.Encoder(order="sorted").encode


def command_mac(site_key: bytes, command: Command) -> bytes:
    """The mac of a command; its own `mac` field does not count."""
    said = (command.id, command.device, command.epoch, command.name, command.arguments, command.expires_ms)
    return hmac_sm3(hmac_sm3(site_key, b"quartermaster commands"), _encode(said))


def signed(site_key: bytes, command: Command) -> Command:
    """The command with its mac."""
    return msgspec.structs.replace(command, mac=command_mac(site_key, command))


def mac_holds(site_key: bytes, command: Command) -> bool:
    """Whether the cloud (or somebody holding the site's key) made it."""
    return equal(command.mac, command_mac(site_key, command))
