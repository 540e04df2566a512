"""What host and reader say to each other, and the codes they use."""

from enum import IntEnum

import msgspec

BROADCAST = 0xFF
"""The address every reader answers to."""


class CommandCode(IntEnum):
    """Commands used here (manual, chapter 4)."""

    INVENTORY = 0x01
    SINGLE_INVENTORY = 0x0F
    GET_INFO = 0x21
    SET_SCAN_TIME = 0x25
    SET_POWER = 0x2F


class Status(IntEnum):
    """Results used here (manual, chapter 5). Any other value is an error of the reader."""

    OK = 0x00
    INVENTORY_DONE = 0x01
    INVENTORY_TIMED_OUT = 0x02
    MORE_FOLLOWS = 0x03
    MEMORY_FULL = 0x04
    ANTENNA_ERROR = 0xF8
    EXECUTE_ERROR = 0xF9
    POOR_COMMUNICATION = 0xFA
    NO_TAG = 0xFB
    TAG_ERROR = 0xFC
    WRONG_LENGTH = 0xFD
    ILLEGAL_COMMAND = 0xFE
    WRONG_PARAMETER = 0xFF


class Command(msgspec.Struct, frozen=True):
    """Host to reader."""

    address: int
    code: int
    data: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """Reader to host."""

    address: int
    code: int
    status: int
    data: bytes = b""


class TagRecord(msgspec.Struct, frozen=True):
    """One tag of an inventory answer; signal only from readers that tell it."""

    epc: bytes
    rssi: int | None = None


class Inventory(msgspec.Struct, frozen=True):
    """One frame of an inventory answer; `more` when further frames follow, `complete` when no tag was left out."""

    tags: tuple[TagRecord, ...]
    antenna: int
    more: bool
    complete: bool


class ReaderInfo(msgspec.Struct, frozen=True):
    """What a reader says of itself; scan time in steps of 100 ms."""

    version: int
    subversion: int
    model: int
    power_dbm: int
    scan_time_100ms: int
