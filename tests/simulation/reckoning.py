"""What each call and each act of the office must write, by its request and how the cloud stood before."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import entries_forecast, office_forecast, rights_forecast
from tests.simulation import wirewords as words
from tests.simulation.auditor import Violation
from tests.simulation.bookkeeper import ORGANISATION, PERSON, REFUND, SPEND, Draft, Holder, Sent
from tests.simulation.changes import Changes, Entry
from tests.simulation.cloud_side import CloudMachine


@dataclass
class Act:
    """What is being done, how many transactions of it were committed, and what was reckoned to be its answer."""

    name: str
    args: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    commits: int = 0
    answer: Any = None
    reckoned: bool = False
    changes: Changes | None = None


class Reckoner:
    """Fills a draft; where an answer can be told too, the act is `reckoned`."""

    def __init__(self, cloud: CloudMachine, *, doubt_days: int) -> None:
        self._cloud, self._doubt_days = cloud, doubt_days

    def reckon(self, draft: Draft, doing: Act, changes: Changes) -> None:
        """What is not named here writes no line and sends no message."""
        reckon = getattr(self, f"_do_{doing.name.replace('-', '_')}", None)
        if reckon is not None:
            reckon(draft, doing, changes)

    def _do_batches(self, draft: Draft, _doing: Act, changes: Changes) -> None:
        for device, epoch, _branch in changes.branches:
            self._frozen(device, epoch, changes)
        self._entries(draft, changes.entries, changes)

    def _frozen(self, device: int, epoch: int, changes: Changes) -> None:
        """Where a journal is found to be two, its leases, its streams and its device are frozen (rule 21)."""
        rows = [row for key, row in changes.world.streams.items() if key[:2] == (device, epoch)]
        row = changes.world.lease_sites.get((rows[0].site, epoch))
        if any(each.state == "open" for each in rows) or (row is not None and row.state == "open"):
            raise Violation(f"journal {device}/{epoch} is two, and goes on: {[each.state for each in rows]}, {row}")
        if changes.device_state(device) == "active":
            raise Violation(f"device {device} has two journals, and its keys are good")

    def _do_replay(self, draft: Draft, _doing: Act, changes: Changes) -> None:
        self._entries(draft, changes.replayed, changes)

    def _do_replay_parked(self, draft: Draft, _doing: Act, changes: Changes) -> None:
        self._entries(draft, changes.replayed, changes)

    def _entries(self, draft: Draft, entries: list[Entry], changes: Changes) -> None:
        if not entries:
            return
        first = entries[0]
        holder = (changes.streams[first.stream].site, first.stream[1])
        taken = entries_forecast.Entries(draft, holder, first.stream[2])
        for entry in sorted(entries, key=lambda each: each.seq):
            if entry.applied and entry.fact is None:
                raise Violation(f"entry {entry.seq} of {entry.stream} cannot be read, and is applied")
            if entry.applied and entry.fact is not None:
                taken.take(entry.fact)
        before = changes.before_stream(first.stream)
        if before is not None and changes.streams[first.stream].sum_fen - before.sum_fen != taken.sum_fen:
            raise Violation(f"entries of {first.stream} took {taken.sum_fen}, counted otherwise")
        for _n, person, rule, day in taken.rights:
            rights_forecast.returned(draft, holder, person, rule, day)
        for seq, part in taken.declared:
            self._declare(draft, holder, part, changes, before_seq=seq)
        for bucket, seq in taken.cutoffs.items():
            known = draft.before.passed.get((*holder, bucket))
            if known is None and changes.passed.get((*holder, bucket)) != seq:
                raise Violation(f"{holder} passed the marker of {bucket} with entry {seq}: {changes.passed}")
        entries_forecast.pass_on(draft, taken.returns)

    def _do_declarations(self, draft: Draft, doing: Act, changes: Changes) -> None:
        holder = self._holder(doing.args[0])
        if holder is not None:
            self._declare(draft, holder, words.said_in(doing.args[1]), changes)

    def _declare(
        self, draft: Draft, holder: Holder, part: list[Any], changes: Changes, *, before_seq: int | None = None
    ) -> None:
        """With its last part a declaration puts the site's leases right, once for a generation."""
        row = draft.before.sites.get(holder)
        if part[0] != draft.before.generation or row is None:
            return
        parts = changes.declared(holder, part[0])
        key = f"declared:{holder[0]}:{holder[1]}:{part[0]}"
        if {each[2] for each in parts} != set(range(1, part[3] + 1)) or key in draft.before.causes:
            if row.declared_generation < changes.site(holder).declared_generation:
                raise Violation(f"{holder} is taken to have declared with parts {[each[2] for each in parts]}")
            return
        if key in changes.done:
            return
        changes.done.add(key)
        entries_forecast.put_right(draft, holder, parts, changes.waiting(holder, before_seq))
        heard_n = max(each[1] for each in parts)
        said = [right for each in parts for right in each[5]]
        rights_forecast.declared(draft, holder, said, heard_all=heard_n >= row.newest_n)
        for place, seq in sorted(draft.before.passed.items()):
            if place[:2] == holder and changes.passed.get(place, seq) is None:
                draft.messages.append(Sent(holder, words.CUTOFF, 0, place[2], 0))
        if changes.site(holder).declared_generation != part[0]:
            raise Violation(f"{holder} has declared for {part[0]}, and is not taken to have")
        changes.heard[holder] = heard_n
        draft.declared.add(holder)

    def _do_lease_asks(self, draft: Draft, doing: Act, changes: Changes) -> None:
        device, body, _query = doing.args
        holder = self._holder(device)
        if holder is None:
            return
        person, amount, rules, day, heard_n = (*words.said_in(body), 0)[:5]
        row = draft.before.sites.get(holder)
        newest = changes.site(holder).newest_n
        doing.reckoned = True
        if row is None or row.state != "open" or changes.device_state(device) != "active":
            doing.answer = [newest, 0, "frozen"]
            return
        if draft.silent():
            doing.answer = [newest, 0, "declare"]
            return
        through = max(row.applied_n, heard_n) if heard_n <= row.newest_n else row.applied_n
        sent = draft.before.messages[holder]
        coming = sum(
            asked.sent.amount for n, asked in sent.items()
            if n > through and asked.sent.kind == words.GRANT and asked.sent.person == person
        )  # fmt: skip
        granted, asked_for = office_forecast.serve(draft, person, max(0, amount - coming), holder)
        wanted = rights_forecast.want(draft, person, rules, holder, day)
        granted += min(coming, amount)
        if granted < amount:
            doing.answer = [newest, granted, "recalling" if asked_for else "short"]
        else:
            doing.answer = [newest, granted, "recalling" if wanted else ""]

    def _holder(self, device: int) -> Holder | None:
        row = self._cloud.world.devices.get(device)
        return None if row is None else (row.site, row.epoch)

    # The office

    def _do_top_up(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        if self._once(draft, doing):
            office_forecast.top_up(draft, *doing.args)

    def _do_grant_all(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        if self._once(draft, doing):
            office_forecast.grant_all(draft, *doing.args)

    def _do_correct_down(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        if self._once(draft, doing):
            doing.answer = list(office_forecast.correct_down(draft, *doing.args))
        else:
            doing.answer = None

    def _once(self, draft: Draft, doing: Act) -> bool:
        """Whether this cause is new; the answer says so."""
        doing.reckoned, doing.answer = True, doing.named["cause"] not in draft.before.causes
        return bool(doing.answer)

    def _do_announce_visit(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        person, site, day = doing.args
        holder, meal_fen = draft.before.opened(site), draft.before.homes.get(person, (0, 0))[1]
        doing.reckoned, doing.answer = True, [0, 0]
        if holder is not None and meal_fen and (person, site, day) not in draft.before.visits:
            doing.answer = list(office_forecast.serve(draft, person, meal_fen, holder))

    def _do_move_home(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        person, site = doing.args
        draft.homes = {**draft.before.homes, person: (site, draft.before.homes[person][1])}
        holder = draft.before.opened(site)
        if holder is not None:
            rights_forecast.move_home(draft, person, holder)
        office_forecast.size(draft, [person])

    def _do_give_rights(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        rule, uses, persons = doing.args
        doing.reckoned, doing.answer = True, rights_forecast.give(draft, {rule: (uses, persons)})

    def _do_clear(self, draft: Draft, doing: Act, changes: Changes) -> None:
        bucket = doing.args[0]
        doing.reckoned, doing.answer = True, 0
        if f"cutoff:{bucket}" in draft.before.causes:
            return
        if bucket not in changes.cut:
            raise Violation(f"bucket {bucket} is to be cleared, and is not")
        waits = {place[:2] for place, seq in changes.passed.items() if place[2] == bucket and seq is None}
        if waits != office_forecast.expected(draft, bucket):
            raise Violation(f"the clearing of {bucket} waits for {waits}: {office_forecast.expected(draft, bucket)}")
        doing.answer = office_forecast.clear(draft, bucket)

    def _do_leave(self, draft: Draft, doing: Act, _changes: Changes) -> None:
        office_forecast.pay_leaver(draft, doing.args[0])

    def _do_declare_lost(self, draft: Draft, doing: Act, changes: Changes) -> None:
        site = doing.args[0]
        epoch = doing.named.get("epoch") or changes.world.devices[changes.world.device_at(site)].epoch
        holder = (site, epoch)
        doing.reckoned, doing.answer = True, 0
        if draft.before.sites[holder].state == "lost" or f"lost:{site}:{epoch}" in draft.before.causes:
            return
        doing.answer = office_forecast.declare_lost(draft, holder)
        if changes.site(holder).state != "lost" or changes.site(holder).bearer != ORGANISATION:
            raise Violation(f"{holder} is declared lost, and is not, or nobody bears it")
        rights_forecast.lost(draft, holder)

    def _do_size(self, draft: Draft, doing: Act, changes: Changes) -> None:
        """Its transactions: what was in doubt, each leaver, limits, homes."""
        if doing.commits == 0:
            due = office_forecast.release(draft, self._cloud._now().timestamp(), self._doubt_days)
            freed = {h for h, row in changes.sites.items() if row.released_at != draft.before.sites[h].released_at}
            fen = sum(line.amount for line in draft.lines)
            if self._cloud.released_fen != fen:
                raise Violation(f"{fen} were released, {self._cloud.released_fen} are said to be")
            if due != freed:
                raise Violation(f"{freed} were released; due are {due}")
            doing.args = (list(changes.world.leavers),)
        elif doing.commits <= len(doing.args[0]):
            office_forecast.pay_leaver(draft, doing.args[0][doing.commits - 1])
        elif doing.commits == len(doing.args[0]) + 1:
            rights_forecast.give(draft, dict(changes.world.limits.items()))
        else:
            office_forecast.size(draft, draft.before.homes)

    def _do_true_up(self, draft: Draft, doing: Act, changes: Changes) -> None:
        """What was swapped is checked where it is answered: all that could have been paid better, and no more."""
        for line in changes.lines:
            draft.take(line)
        if changes.lines:
            person, order, days = doing.args[0], doing.named["order"], doing.named["days"]
            best = office_forecast.best_swaps(self._spent(changes, person, days), self._free(draft, person), order)
            if sum(line.amount for line in changes.lines) != best:
                raise Violation(f"the true-up of {person} swaps {changes.lines}, {best} could be")

    def _free(self, draft: Draft, person: int) -> dict[int, int]:
        return {a[2]: fen for a, fen in draft.before.balances.items() if a[:2] == (PERSON, person) and not a[3]}

    def _spent(self, changes: Changes, person: int, days: tuple[int, int]) -> dict[int, int]:
        spent: Counter[int] = Counter()
        for line in self._cloud.lines():
            if line.person == person and days[0] <= line.business_day <= days[1]:
                if line.kind == SPEND and line.debit[0] == PERSON:
                    spent[line.debit[2]] += line.amount
                elif line.kind == REFUND and line.credit[0] == PERSON:
                    spent[line.credit[2]] -= line.amount
        return dict(+spent)
