"""Weigh trays: who they are bound to and what was taken, over all weigh lanes of the gateway and over restarts.

A pick is a fact before it is on the screen. A tray's price is that of the net weight of each dish, so that taking and
giving back the same costs nothing.
"""

import secrets
from functools import partial
from typing import Any, NamedTuple

import msgspec

from edge.journal.journal import Journal
from edge.stations.canteen.identify import Payer
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from protocols.journal.kinds import Kind
from protocols.payments.facts import Line, TrayBound, Weighed, WeightUnattributed
from protocols.payments.refusals import Reason, Refusal
from protocols.values.money import price_of_weight_fen


class Pick(msgspec.Struct, array_like=True, frozen=True):
    """A weight taken (> 0) or given back (< 0) at one price."""

    dish: int
    weight_g: int
    price_per_kg_fen: int
    amount_fen: int


class Tray(msgspec.Struct, frozen=True):
    """An open tray; `touched_ms` is when it was last used."""

    session: str
    lane: int
    payer: Payer
    uid: str = ""
    picks: tuple[Pick, ...] = ()
    touched_ms: int = 0

    def net_g(self, dish: int) -> int:
        """What is on it of a dish."""
        return sum(pick.weight_g for pick in self.picks if pick.dish == dish)

    def lines(self) -> tuple[Line, ...]:
        """One line a dish and price, by net weight; nothing for what was given back whole."""
        net: dict[tuple[int, int], int] = {}
        for pick in self.picks:
            key = (pick.dish, pick.price_per_kg_fen)
            net[key] = net.get(key, 0) + pick.weight_g
        return tuple(
            Line(dish, "", 1, weight_g, price_fen, price_of_weight_fen(price_fen, weight_g))
            for (dish, price_fen), weight_g in net.items()
            if weight_g > 0
        )

    @property
    def total_fen(self) -> int:
        """What it costs by now."""
        return sum(line.amount_fen for line in self.lines())


class PickAsked(NamedTuple):
    """What a scale saw at a lane."""

    session: str
    lane: int
    station: int
    dish: int
    weight_g: int
    price_per_kg_fen: int


_payer = msgspec.msgpack.Decoder(Payer)
_pick = msgspec.msgpack.Decoder(Pick)


class Trays:
    """Open trays by session. Methods with `tx` run in the writer's thread; memory follows the commit."""

    def __init__(self, reader: Reader, journal: Journal, *, now_ms: int) -> None:
        """Find the trays that were open before a restart; their time starts anew."""
        self._journal = journal
        self._open: dict[str, Tray] = {}
        for session, lane, uid, payer in reader.rows("SELECT session, lane, tray, payer FROM canteen_trays"):
            found = reader.rows("SELECT pick FROM canteen_picks WHERE session = ? ORDER BY seq", (session,))
            picks = tuple(_pick.decode(row[0]) for row in found)
            self._open[session] = Tray(session, lane, _payer.decode(payer), uid, picks, now_ms)

    def get(self, session: str) -> Tray | None:
        """An open tray."""
        return self._open.get(session)

    def of_person(self, person: int) -> Tray | None:
        """The open tray of a person: one walks along several stations with one tray."""
        return next((tray for tray in list(self._open.values()) if tray.payer.person == person), None)

    def of_uid(self, uid: str) -> Tray | None:
        """The open tray with a chip."""
        return next((tray for tray in list(self._open.values()) if uid and tray.uid == uid), None)

    def idle_since(self, lane: int, before_ms: int) -> list[Tray]:
        """Trays opened at a lane and not used since."""
        return [tray for tray in list(self._open.values()) if tray.lane == lane and tray.touched_ms < before_ms]

    def touch(self, session: str, now_ms: int) -> None:
        """Somebody uses the tray."""
        tray = self._open.get(session)
        if tray is not None:
            self._open[session] = msgspec.structs.replace(tray, touched_ms=now_ms)

    def bind(self, lane: int, payer: Payer, uid: str, tx: Transaction) -> Tray | Refusal:
        """Open a tray for a payer. A dynamic code is used up here; the tray's own payment later does not ask again."""
        if payer.code_step:
            code = (payer.person, payer.code_step)
            if tx.execute("SELECT 1 FROM canteen_codes WHERE person = ? AND step = ?", code).fetchone():
                return Refusal(Reason.CODE_USED)
            tx.execute("INSERT INTO canteen_codes VALUES (?, ?)", code)
        session = secrets.token_hex(8)
        self._journal.append(
            tx, Kind.TRAY_BOUND, TrayBound(session, lane, payer.person, uid), subject=f"p{payer.person}"
        )
        row = (session, lane, uid, msgspec.msgpack.encode(payer))
        tx.execute("INSERT INTO canteen_trays VALUES (?, ?, ?, ?)", row)
        tray = Tray(session, lane, payer, uid, (), self._journal.business_ms)
        self._put(tx, session, tray)
        return tray

    def pick(self, asked: PickAsked, tx: Transaction) -> Tray | None:
        """Write a pick or a give-back; None where the tray has been closed meanwhile: the weight is nobody's then."""
        tray = self._open.get(asked.session)
        if tray is None:
            self.unattributed(asked.lane, asked.station, asked.dish, asked.weight_g, tx)
            return None
        made = Pick(asked.dish, asked.weight_g, asked.price_per_kg_fen, 0)
        grown = msgspec.structs.replace(tray, picks=(*tray.picks, made))
        amount_fen = grown.total_fen - tray.total_fen
        made = msgspec.structs.replace(made, amount_fen=amount_fen)
        grown = msgspec.structs.replace(tray, picks=(*tray.picks, made), touched_ms=self._journal.business_ms)
        fact = Weighed(
            asked.session,
            asked.lane,
            asked.station,
            tray.payer.person,
            asked.dish,
            asked.weight_g,
            asked.price_per_kg_fen,
            amount_fen,
        )
        at = self._journal.append(tx, Kind.WEIGHED, fact, subject=f"p{tray.payer.person}")
        row = (at.seq, asked.session, msgspec.msgpack.encode(made))
        tx.execute("INSERT INTO canteen_picks VALUES (?, ?, ?)", row)
        self._put(tx, asked.session, grown)
        return grown

    def unattributed(self, lane: int, station: int, dish: int, weight_g: int, tx: Transaction) -> None:
        """Food left the dish and nobody is bound: for the exceptions, billed to no one."""
        self._journal.append(tx, Kind.WEIGHT_UNATTRIBUTED, WeightUnattributed(lane, station, dish, weight_g))

    def close_empty(self, session: str, tx: Transaction) -> bool:
        """End a tray that costs nothing, unbilled."""
        tray = self._open.get(session)
        if tray is None or tray.total_fen:
            return False
        fact = TrayBound(session, tray.lane, tray.payer.person, tray.uid, closed=True)
        self._journal.append(tx, Kind.TRAY_BOUND, fact, subject=f"p{tray.payer.person}")
        tx.execute("DELETE FROM canteen_trays WHERE session = ?", (session,))
        tx.execute("DELETE FROM canteen_picks WHERE session = ?", (session,))
        self.settled(session, tx)
        return True

    def settled(self, session: str, tx: Transaction) -> None:
        """The tray was paid: it is open no more once that is durable."""
        tx.on_commit(partial(self._open.pop, session, None))

    def _put(self, tx: Transaction, session: str, tray: Tray) -> None:
        before = self._open.get(session)
        undo: Any = partial(self._open.pop, session, None)
        if before is not None:
            undo = partial(self._open.__setitem__, session, before)
        tx.on_rollback(undo)
        self._open[session] = tray
