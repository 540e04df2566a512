"""Models of the rules that need no store: the chain, floored balances, and where a batch belongs."""

import hashlib
from random import Random
from typing import Any, Final

from cloud.sync.placing import Place, Placement, place_at_head, place_by_hashes
from cloud.sync.state import StreamState
from protocols.journal import chain
from protocols.ledger.accounts import Account, Transfer
from protocols.ledger.balances import Overdrawn, post, post_all
from protocols.values.errors import RuleViolation

_FLOORED: Final = (1, 2, 3)  # persons, goodwill, in doubt (rule 13)
_OTHERS: Final = (10, 11, 12, 13, 14, 15)


class Differs(AssertionError):
    """The module says something else than its model."""


def same(what: str, found: Any, expected: Any) -> None:
    """Raises Differs."""
    if found != expected:
        raise Differs(f"{what}: {found!r}, not {expected!r}")


def sm3(*parts: bytes) -> bytes:
    """As the document has it: hash(n) = SM3(hash(n-1) || body(n))."""
    return hashlib.new("sm3", b"".join(parts)).digest()


def check_chain(random: Random) -> None:
    """Genesis, one link, many links, what is signed and what a receipt prints (rules 17, 20)."""
    device, epoch, seq = random.randrange(1, 2**40), random.randrange(1, 99), random.randrange(1, 2**30)
    head = sm3(b"quartermaster journal %d %d" % (device, epoch))
    same("genesis", chain.genesis(device, epoch), head)
    bodies = [random.randbytes(random.randrange(0, 300)) for _ in range(random.randrange(1, 9))]
    expected, last = [], head
    for body in bodies:
        same("link", chain.link(last, body), sm3(last, body))
        last = sm3(last, body)
        expected.append(last)
    same("links", chain.links(head, bodies), expected)
    same("no links", chain.links(head, []), [])
    same(
        "signed",
        chain.signed_bytes(device, epoch, seq, last),
        f"quartermaster checkpoint {device} {epoch} {seq} ".encode() + last,
    )
    same("mark", chain.receipt_mark(last), last.hex()[:8])


def check_balances(random: Random) -> None:
    """A transfer moves what it says between accounts with a floor, or nothing; several stand or fall together."""
    accounts = [
        Account(random.choice(_FLOORED + _OTHERS), random.randrange(3), 10, random.randrange(2), 1) for _ in range(6)
    ]
    for account in accounts:
        same(f"floor of {account}", account.floored, account[0] in _FLOORED)
    held = {
        account: random.randrange(0, 20) for account in accounts if account[0] in _FLOORED and random.random() < 0.7
    }
    for _ in range(12):
        transfers = [
            Transfer(5, random.choice(accounts), random.choice(accounts), random.choice((-1, 0, 1, 3, 9, 20)))
            for _ in range(random.randrange(1, 4))
        ]
        model = dict(held)
        stands = all(_moves(model, each) for each in transfers)
        real = dict(held)
        try:
            post(real, transfers[0]) if len(transfers) == 1 else post_all(real, transfers)
            done = True
        except Overdrawn as error:
            done = False
            same("who is short", error.balance < error.amount, True)
        except RuleViolation:
            done = False
        same(f"{transfers} of {held}", done, stands)
        expected = model if stands else held
        same("balances", {k: v for k, v in real.items() if v}, {k: v for k, v in expected.items() if v})
        held = real


def _moves(model: dict[Account, int], transfer: Transfer) -> bool:
    _kind, debit, credit, amount = transfer
    if amount <= 0 or (debit[0] in _FLOORED and model.get(debit, 0) < amount):
        return False
    for account, by in ((debit, -amount), (credit, amount)):
        if account[0] in _FLOORED:
            model[account] = model.get(account, 0) + by
    return True


def check_places(random: Random) -> None:
    """Where a batch belongs, over one branch: by the hashes of what the stream really is (rules 21, 24)."""
    device, applied = 7, random.choice((0, 1, 2, 3, 5, 8, 255, 256, 300))
    bodies = [f"{n}".encode() for n in range(1, applied + 9)]
    stream = _hashes(device, bodies[:applied])
    safe = random.randrange(0, applied + 1)
    first = max(1, applied + random.choice((-4, -3, -2, -1, 0, 1, 1, 1, 2, 3)))
    many = random.randrange(1, 7)
    parts_at = random.choice((10**9, 10**9, first - 2, first - 1, first, first + 1, applied, applied + 1))
    ours = [body if n < parts_at else body + b"'" for n, body in enumerate(bodies, 1)]
    ours += [b"x%d" % n for n in range(len(ours) + 1, first + many + 1)]
    theirs = _hashes(device, ours[: first + many - 1])
    state = StreamState(device, 1, 0, 1, 0, applied, stream[applied], safe, "open", "", "", 0, 0)
    hashes = theirs[first : first + many]
    previous = theirs[first - 1]
    found = place_at_head(state, first, previous, many, lambda position: hashes[position])
    if found is None:
        stored = {n: stream[n] for n in range(first - 1, min(applied, first + many - 1) + 1)}
        found = place_by_hashes(state, first, previous, hashes, stored)
    same(
        f"applied {applied} safe {safe}, {many} from {first} parting at {parts_at}",
        found,
        _expected(state, first, previous, hashes, stream),
    )


def _expected(state: StreamState, first: int, previous: bytes, hashes: list[bytes], stream: list[bytes]) -> Placement:
    applied = state.applied_through
    if first > applied + 1:
        return Placement(Place.GAP, 0, 0)
    if stream[first - 1] != previous:
        known = first - 1 <= state.safe_through  # only there the cloud is sure that it is the other who went astray
        return Placement(Place.FORK, 0, 0, first - 1, previous) if known else Placement(Place.UNKNOWN, 0, 0)
    common = 0
    for seq, each in enumerate(hashes, first):
        if seq > applied or stream[seq] != each:
            break
        common += 1
    if common == len(hashes):
        return Placement(Place.REPEAT, 0, common)
    if first + common - 1 == applied:
        return Placement(Place.APPEND, 0, common)
    return Placement(Place.FORK, 0, common, first + common - 1, hashes[common - 1] if common else previous)


def _hashes(device: int, bodies: list[bytes]) -> list[bytes]:
    found = [sm3(b"quartermaster journal %d %d" % (device, 1))]
    for body in bodies:
        found.append(sm3(found[-1], body))
    return found
