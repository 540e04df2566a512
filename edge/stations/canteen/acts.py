"""What operators do on a lane's screen: sign in, refund, void, reprint, take cash, close the day, clear plates."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from edge.kiosk.server import Act
from edge.stations.canteen.cash import CashAsked, CashDenied
from edge.stations.canteen.checkout import mark_shown
from edge.stations.canteen.closing import Closed, Totals
from edge.stations.canteen.eyes import TeachingRefused
from edge.stations.canteen.history import Sale
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Acted
from edge.stations.canteen.pos_shell import PosShell
from edge.stations.canteen.refunds import RefundAsked, RefundDenied, Why
from edge.stations.canteen.shell import LaneShell
from edge.stations.canteen.texts import denial
from edge.store.errors import StoreError
from edge.store.transaction import Transaction
from protocols.canteen.reference import Operator
from protocols.payments.refusals import Refusal
from protocols.values.errors import Malformed
from protocols.values.ids import EntryId

_TAP_WAIT_S: Final = 15.0
_READS: Final = frozenset({"recent", "closing", "menu"})
_MOST_ITEMS: Final = 64
_MOST_ATTEMPT: Final = 40
_MOST_COUNTED_FEN: Final = 100_000_000

Answer = dict[str, Any]


class Acts:
    """Answers the acts of one lane's screens. Value moves only for a signed-in operator, by attempts the page made."""

    def __init__(self, shell: LaneShell) -> None:
        self._shell = shell
        self._desk = shell.desk
        self._by_name: Mapping[str, Callable[[Act, Operator], Awaitable[Answer]]] = {
            "recent": self._recent,
            "refund": self._refund,
            "void_last": self._void_last,
            "keep_last": self._keep_last,
            "reprint": self._reprint,
            "cash": self._cash,
            "cash_void": self._cash_void,
            "closing": self._closing,
            "close_day": self._close_day,
            "wash": self._wash,
            "menu": self._menu,
            "amount": self._amount,
            "dishes": self._dishes,
            **shell.operator_acts(),
            **(shell.faces.enrolling.acts(self._tap) if shell.faces is not None else {}),
        }

    async def handle(self, act: Act) -> Answer:
        """The kiosk's handler of the lane."""
        operators = self._desk.operators
        if act.name == "closed":
            if operators.signed_in(act.lane, act.connection) is not None:
                operators.sign_out(act.lane, act.connection)
                self._show_operator("")
            return {}
        if act.side == "diner":
            return await self._shell.act(act)
        if act.name == "operators":
            return self._who(act)
        try:
            if act.name in ("sign_in", "sign_in_card", "sign_out"):
                return await self._sign(act)
            operator = operators.signed_in(act.lane, act.connection)
            return await self._do(act, operator) if operator else denial("sign_in")
        except (RefundDenied, CashDenied, TeachingRefused) as denied:
            return denial(denied.word)
        except StoreError:
            return denial("store_full")
        except (Malformed, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return denial("bad_input")

    def _who(self, act: Act) -> Answer:
        """Who may sign in here, and who is signed in on this page."""
        names = [{"id": one.id, "name": one.shown_name} for one in self._desk.operators.names()]
        signed = self._desk.operators.signed_in(act.lane, act.connection)
        return {"operators": names, "signed_in": signed.shown_name if signed else ""}

    async def _do(self, act: Act, operator: Operator) -> Answer:
        known = self._by_name.get(act.name)
        if known is not None:
            answer = await known(act, operator)
            if act.name not in _READS:
                self._shell.changes += 1
                self._shell.show()
            return answer
        self._shell.feed(Acted(self._desk.monotonic_ms(), act.name, dict(act.fields), operator=operator.id))
        return {}

    async def _sign(self, act: Act) -> Answer:
        """In by name and PIN, by a card tapped now, or by a card's number and PIN; or out."""
        operators = self._desk.operators
        if act.name == "sign_out":
            operators.sign_out(act.lane, act.connection)
            self._show_operator("")
            return {"signed_in": ""}
        found = await (self._by_tap(act) if act.name == "sign_in_card" else self._by_pin(act))
        if isinstance(found, dict):
            return found
        if isinstance(found, Refusal):
            return denial(str(found.reason))
        if found is None:
            return denial("sign_in_wrong")
        self._show_operator(found.shown_name)
        return {"signed_in": found.shown_name}

    async def _by_pin(self, act: Act) -> Operator | Refusal | None:
        operators, pin = self._desk.operators, str(act.fields.get("pin", ""))[:12]
        card = str(act.fields.get("card", ""))
        number = operators.number_of_card(card) if card else int(act.fields.get("operator", 0))
        return await operators.by_pin(act.lane, act.connection, number, pin)

    async def _by_tap(self, act: Act) -> Operator | Answer | None:
        tapped = await self._tap()
        if tapped is None:
            return denial("no_tap")
        if tapped.kind != "card":
            return None
        return self._desk.operators.by_card(act.lane, act.connection, tapped.text)

    def _show_operator(self, name: str) -> None:
        self._shell.operator_name = name
        self._shell.show()

    async def _recent(self, _act: Act, _operator: Operator) -> Answer:
        sales = await asyncio.to_thread(self._desk.history.recent, self._shell.lane)
        return {"sales": [self._sale(sale) for sale in sales]}

    async def _refund(self, act: Act, operator: Operator) -> Answer:
        items = tuple(int(item) for item in list(act.fields.get("items", ()))[:_MOST_ITEMS])
        asked = RefundAsked(
            attempt=self._attempt(act),
            lane=self._shell.lane,
            seq=self._seq(act),
            reason=int(act.fields.get("reason", 0)),
            operator=operator.id,
            limit_fen=operator.refund_limit_fen,
            items=items,
        )
        return await self._give_back(asked)

    async def _void_last(self, act: Act, operator: Operator) -> Answer:
        """The one tap of rule 18; the attempt is made of the charge itself, so that two taps are one void."""
        last = self._shell.last_charge
        if last is None or (act.fields.get("entry") not in (None, str(last.receipt.entry))):
            return denial("not_here")
        attempt = f"void {last.receipt.entry}"
        asked = RefundAsked(attempt, self._shell.lane, last.receipt.entry.seq, Why.NOT_SHOWN, operator.id)
        answer = await self._give_back(asked)
        self._shell.last_charge = None
        return answer

    async def _keep_last(self, _act: Act, _operator: Operator) -> Answer:
        last = self._shell.last_charge
        if last is not None:
            await self._desk.site.writer.submit(partial(mark_shown, (last.receipt.entry.seq,)), in_hand=True)
            self._shell.last_charge = None
        return {}

    async def _give_back(self, asked: RefundAsked) -> Answer:
        done = await self._desk.site.writer.submit(partial(self._desk.refunds.unit, asked), in_hand=True)
        return {"refund": {"entry": str(done.entry), "number": done.number, "amount_fen": done.amount_fen}}

    async def _reprint(self, act: Act, _operator: Operator) -> Answer:
        if self._shell.printing is None:
            return denial("no_printer")
        sale = await asyncio.to_thread(self._desk.history.sale, self._shell.lane, self._seq(act))
        if sale is None:
            return denial("not_here")
        self._shell.printing.put(self._desk.paper(sale.receipt, self._shell.lane, copy=True))
        return {"waiting": self._shell.printing.waiting}

    async def _cash(self, act: Act, operator: Operator) -> Answer:
        """Cash from the diner whose card is tapped next."""
        amount_fen = int(act.fields.get("amount_fen", 0))
        attempt = self._attempt(act)
        tapped = await self._tap()
        known = self._desk.identifier.at_once(tapped) if tapped else None
        if known is None:
            return denial("no_tap")
        if isinstance(known, Refusal):
            return denial(str(known.reason))
        return await self._take_cash(attempt, known, amount_fen, operator)

    async def _take_cash(self, attempt: str, payer: Payer, amount_fen: int, operator: Operator) -> Answer:
        asked = CashAsked(attempt, self._shell.lane, payer.person, amount_fen, operator.id)
        kept = await self._desk.site.writer.submit(partial(self._desk.cash.take, asked), in_hand=True)
        person = self._desk.shown_name(kept.person)
        told = {"entry": str(kept.entry), "amount_fen": kept.amount_fen, "balance_fen": kept.balance_fen}
        return {"cash": {**told, "person": person}}

    async def _cash_void(self, act: Act, operator: Operator) -> Answer:
        seq = self._seq(act)
        unit = partial(self._desk.cash.void, f"void cash {seq}", self._shell.lane, seq, operator.id)
        kept = await self._desk.site.writer.submit(unit, in_hand=True)
        return {"cash": {"entry": str(kept.entry), "amount_fen": kept.amount_fen, "balance_fen": kept.balance_fen}}

    async def _closing(self, _act: Act, _operator: Operator) -> Answer:
        first, till = await self._desk.site.writer.submit(self._open_since, in_hand=True)
        return {"closing": {**till._asdict(), "first_seq": first, **self._desk.link()}}

    def _open_since(self, tx: Transaction) -> tuple[int, Totals]:
        return self._desk.closing.open_since(self._shell.lane, tx)

    async def _close_day(self, act: Act, operator: Operator) -> Answer:
        if self._shell.state.till.busy:
            return denial("busy")
        counted_fen = int(act.fields.get("counted_fen", -1))
        if not -1 <= counted_fen <= _MOST_COUNTED_FEN:
            return denial("bad_amount")
        unit = partial(self._desk.closing.unit, self._shell.lane, operator.id, counted_fen)
        closed: Closed = await self._desk.site.writer.submit(unit, in_hand=True)
        fact = closed.fact
        return {
            "closed": {
                **closed.till._asdict(),
                "business_day": fact.business_day,
                "first_seq": fact.first_seq,
                "last_seq": fact.last_seq,
                "cash_counted_fen": fact.cash_counted_fen,
                "state": fact.state,
                "agrees": closed.agrees,
                **self._desk.link(),
            }
        }

    async def _wash(self, _act: Act, _operator: Operator) -> Answer:
        """All plates have been washed: none counts as paid any more."""
        now_ms = self._desk.now_ms()
        await self._desk.site.writer.submit(
            lambda tx: tx.execute("UPDATE canteen_washes SET at_ms = ?", (now_ms,)) and None
        )
        return {"cleared": self._desk.plates.wash()}

    async def _menu(self, _act: Act, _operator: Operator) -> Answer:
        if self._shell.kind not in ("pos", "vision"):
            return denial("unknown_act")
        return {"dishes": self._desk.menu(self._shell.lane.canteen)}

    async def _amount(self, act: Act, operator: Operator) -> Answer:
        """The operator keyed an amount."""
        shell = self._shell
        if not isinstance(shell, PosShell):
            return denial("unknown_act")
        if shell.state.till.busy:
            return denial("busy")
        shell.order_amount(int(act.fields["amount_fen"]), operator.id)
        return {}

    async def _dishes(self, act: Act, operator: Operator) -> Answer:
        """The operator picked dishes."""
        shell = self._shell
        if not isinstance(shell, PosShell):
            return denial("unknown_act")
        if shell.state.till.busy:
            return denial("busy")
        shell.order_dishes(act.fields["items"], operator.id)
        return {}

    async def _tap(self) -> Presented | None:
        """The next card or code at this lane, not for payment; None when none comes in time."""
        before = self._shell.next_tap
        if before is not None and not before.done():
            before.cancel()
        tap: asyncio.Future[Presented] = asyncio.get_running_loop().create_future()
        self._shell.next_tap = tap
        self._shell.show()
        try:
            async with asyncio.timeout(_TAP_WAIT_S):
                return await tap
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            if tap.cancelled() and not _being_cancelled():
                return None  # another act asked for the next tap after this one
            raise
        finally:
            if self._shell.next_tap is tap:
                self._shell.next_tap = None
                self._shell.show()

    def _attempt(self, act: Act) -> str:
        """Made by the page before its first try, and ours alone by the lane's name."""
        said = str(act.fields["attempt"])
        if not 0 < len(said) <= _MOST_ATTEMPT or not said.isascii():
            raise ValueError(f"an attempt is 1 to {_MOST_ATTEMPT} characters")
        return f"{self._shell.lane.id} {said}"

    def _seq(self, act: Act) -> int:
        entry = EntryId.parse(str(act.fields["entry"]))
        identity = self._desk.site.identity
        if (entry.device, entry.epoch) != (identity.device, identity.epoch):
            raise RefundDenied("not_here")
        return entry.seq

    def _sale(self, sale: Sale) -> Answer:
        names = [self._desk.dish_name(line.dish) for line in sale.receipt.lines]
        return {
            **self._desk.receipt(sale.receipt),
            "refunded_fen": sale.refunded_fen,
            "refunded_items": list(sale.refunded_items),
            "whole": sale.whole,
            "shown": sale.shown,
            "lines": [
                {**name, "amount_fen": line.amount_fen, "weight_g": line.weight_g, "quantity": line.quantity}
                for name, line in zip(names, sale.receipt.lines, strict=True)
            ],
        }


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
