"""Stands beside the cloud and hears of each transaction as it commits: what it wrote must be what the auditor reckons.

Lines, lease messages, answers and balances of every call and act are compared, to the fen and the number, with a
prediction made from the state before, the request and the entries' bytes.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

from tests.simulation import answers, rights_forecast
from tests.simulation import wirewords as words
from tests.simulation.asides import Asides
from tests.simulation.auditor import Violation
from tests.simulation.bookkeeper import FLOORED, Asked, Draft, Holder, Standing
from tests.simulation.changes import Changes
from tests.simulation.cloud_side import CloudMachine
from tests.simulation.reckoning import Act, Reckoner

_ACTS: Final = (
    "hire", "move_home", "announce_visit", "leave", "top_up", "grant_all", "correct_down", "clear", "true_up",
    "give_rights", "size", "declare_lost", "mend", "approve", "replay", "replay_parked", "open_bucket", "open_site",
    "code_for", "publish", "revoke_key", "resume", "verified",
)  # fmt: skip


_DOING: ContextVar[Act | None] = ContextVar("DOING", default=None)


class Witness:
    """One world's. Raises Violation inside the transaction, which then is none."""

    def __init__(self, cloud: CloudMachine, *, doubt_days: int) -> None:
        self._cloud, self._reckoner = cloud, Reckoner(cloud, doubt_days=doubt_days)
        self.standing = Standing()
        self._tokens: dict[str, int] = {}
        self._images: list[tuple[Any, Standing, Asides]] = []
        self._asides = Asides()
        for name in _ACTS:
            setattr(cloud, name, self._heard(name, getattr(cloud, name)))
        for name, made in (("call", self._call), ("back_up", self._back_up), ("restore", self._restore)):
            setattr(cloud, name, made(getattr(cloud, name)))
        self._beside(cloud.world)

    # Hearing

    def _beside(self, world: Any) -> None:
        """Be there at each transaction's end."""
        inner = world.system_transaction

        @asynccontextmanager
        async def system_transaction() -> AsyncIterator[Any]:
            async with inner() as tx:
                yield tx
                changes = self._judge(world)
            self.standing = self._after(world, changes)
            self._follow(changes)

        world.system_transaction = system_transaction

    def _heard(self, name: str, act: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def heard(*args: Any, **named: Any) -> Any:
            doing = Act(name, args, named)
            token = _DOING.set(doing)
            try:
                answer = await act(*args, **named)
            finally:
                _DOING.reset(token)
            if doing.reckoned and _plain(answer) != doing.answer:
                raise Violation(f"{name}{args} answers {answer}, not {doing.answer}")
            return answer

        return heard

    def _call(self, call: Callable[..., Awaitable[tuple[int, bytes]]]) -> Callable[..., Awaitable[tuple[int, bytes]]]:
        async def heard(method: str, path: str, *, token: str = "", body: bytes = b"", query: Any = None) -> Any:
            doing = Act(path, (self._tokens.get(token, 0), body, query or {}))
            mark = _DOING.set(doing)
            try:
                status, said = await call(method, path, token=token, body=body, query=query)
            finally:
                _DOING.reset(mark)
            if status == 200 and path == "session":
                self._tokens[words.said_in(said)[0]] = words.said_in(body)[1]
            if status == 200:
                self._told(path, doing, body, words.said_in(said))
            if status == 200 and doing.reckoned and words.said_in(said)[: len(doing.answer)] != doing.answer:
                raise Violation(f"{path} answers {words.said_in(said)}, not {doing.answer}")
            return status, said

        return heard

    def _back_up(self, back_up: Callable[[], Any]) -> Callable[[], Any]:
        def heard() -> Any:
            image = back_up()
            self._images.append((image, self.standing.kept(), self._asides.kept()))
            return image

        return heard

    def _restore(self, restore: Callable[[Any], int]) -> Callable[[Any], int]:
        def heard(image: Any) -> int:
            generation = restore(image)
            ((known, asides),) = [each[1:] for each in self._images if each[0] is image]
            self._asides = asides.kept()
            self.standing = _read(self._cloud.world, known.kept())
            self._beside(self._cloud.world)
            return generation

        return heard

    def _follow(self, changes: Changes) -> None:
        """What became of the entries."""
        doing = _DOING.get() or Act("")
        doing.changes = changes
        if doing.name == "resume":
            self._asides.resumed(doing.args[0], doing.args[1])
        again = sum(1 for hour in changes.hours if hour[1] == 0)
        batch = doing.name == "batches" and (changes.entries or again)
        self._asides.follow(changes, answers.known_before(words.said_in(doing.args[1]), changes) if batch else 0)

    def _told(self, path: str, doing: Act, body: bytes, said: list[Any]) -> None:
        device, world = doing.args[0], self._cloud.world
        if doing.changes is None or doing.changes.world is not world:
            return
        if path == "batches":
            answers.check_batch(world, words.said_in(body), said, doing.changes)
        elif path == "heartbeat":
            answers.check_beat(world, self.standing, device, said)
        elif path == "leases":
            answers.check_page(self.standing, world.devices[device], int(doing.args[2].get("after", 0)), said)

    # Judging

    def _judge(self, world: Any) -> Changes:
        """What was written, if it is what had to be."""
        changes = Changes(world)
        doing = _DOING.get() or Act("")
        draft = Draft(self.standing, self._cloud._day())
        self._reckoner.reckon(draft, doing, changes)
        doing.commits += 1
        self._compare(doing, draft, changes)
        return changes

    # Comparing

    def _compare(self, doing: Act, draft: Draft, changes: Changes) -> None:
        what = f"{doing.name}{doing.args if doing.name in _ACTS else ''}"
        wanted, found = Counter(draft.lines), Counter(changes.lines)
        if wanted != found:
            raise Violation(f"{what} had to write {[*(wanted - found)][:3]} and wrote {[*(found - wanted)][:3]}")
        asked, sent = Counter(draft.messages), Counter(each for _n, each in changes.sent)
        if asked != sent:
            raise Violation(f"{what} had to send {[*(asked - sent)][:3]} and sent {[*(sent - asked)][:3]}")
        if draft.answers != changes.answers:
            raise Violation(f"{what} answers {changes.answers}, not {draft.answers}")
        rights = rights_forecast.known(changes.world.rights)
        if rights != draft.rights:
            odd = {key: right for key, right in rights.items() if draft.rights.get(key) != right}
            raise Violation(f"{what} leaves limits with {odd}; they belong to {[draft.rights.get(key) for key in odd]}")
        self._numbers(draft, changes)
        for account, fen in changes.balances.items():
            if fen != draft.has(account):
                raise Violation(f"{what} leaves {fen} in {account}, its lines {draft.has(account)}")

    def _numbers(self, draft: Draft, changes: Changes) -> None:
        """Messages are numbered one by one after the last; each lease has its message."""
        after: dict[Holder, int] = {}
        for n, sent in changes.sent:
            heard = changes.heard.get(sent.holder, 0)
            last = after.get(sent.holder, max(draft.before.sites[sent.holder].newest_n, heard))
            if n != last + 1:
                raise Violation(f"message {n} to {sent.holder} follows {last}")
            after[sent.holder] = n
        for holder, row in changes.sites.items():
            known = draft.before.sites.get(holder)
            newest = after.get(holder, max(known.newest_n if known else 0, changes.heard.get(holder, 0)))
            if row.newest_n != newest or row.applied_n > row.newest_n:
                raise Violation(f"{holder} is at message {row.newest_n} (heard {row.applied_n}), not {newest}")
        told = {
            (*sent.holder, n): (sent.person, sent.bucket, sent.amount) for n, sent in changes.sent if sent.kind == 1
        }
        for n_of, line in changes.grants.items():
            if told.get(n_of) != (line.person, line.debit[2], line.amount):
                raise Violation(f"lease {n_of} is booked as {line} and told as {told.get(n_of)}")

    def _after(self, world: Any, changes: Changes) -> Standing:
        before = self.standing
        for line in changes.lines:
            for account, by in ((line.debit, -line.amount), (line.credit, line.amount)):
                if account[0] in FLOORED:
                    before.balances[account] += by
        for n, sent in changes.sent:
            before.messages[sent.holder][n] = Asked(sent)
        for (*holder, n), amount in changes.answers.items():
            before.messages[holder[0], holder[1]][n].answered = amount
        return _read(world, before)


def _read(world: Any, known: Standing) -> Standing:
    """What is not reckoned is read: who is open, what is cleared, where homes are."""
    return Standing(
        known.balances, {tuple(h): row for h, row in world.lease_sites.items()}, set(world.cutoffs),
        dict(world.cutoff_sites.items()), dict(world.homes.items()), rights_forecast.known(world.rights),
        dict(world.leavers.items()), set(world.visits), set(world.causes), world.meta["generation"], known.messages,
    )  # fmt: skip


def _plain(answer: Any) -> Any:
    if isinstance(answer, tuple):
        return list(answer)
    return [answer.taken, answer.asked, answer.receivable] if hasattr(answer, "receivable") else answer
