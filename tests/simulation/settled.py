"""What must be once the faults are over: every stream drained, every fen where the auditor says (liveness)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.simulation import wirewords as words
from tests.simulation.auditor import EXCEPTIONS, LOSS, PERSONAL, Auditor, Pair, Stream, Violation
from tests.simulation.cloud_reading import AccountLine
from tests.simulation.cloud_side import CloudFace

SPEND, REFUND, CLEARING, WITHDRAWAL = 5, 6, 7, 15
APPLIED = 1


class Settled:
    """The end of one world."""

    def __init__(self, auditor: Auditor, cloud: CloudFace, leavers: Iterable[int], swaps: Counter[Pair]) -> None:
        self.auditor, self.cloud, self.leavers, self.swaps = auditor, cloud, frozenset(leavers), swaps
        self.lines = cloud.lines()
        self.by_fact: dict[tuple[int, int, int, int], list[AccountLine]] = defaultdict(list)
        for line in self.lines:
            if line.fact is not None:
                self.by_fact[line.fact].append(line)
        self.applied: dict[tuple[int, int, int, int], words.Fact] = {}

    def check(self) -> None:
        """Raises Violation."""
        self.auditor.check_books(self.cloud.balances(), self.lines)
        self._branches()
        self._each_entry_once()
        self._money()
        self._certificate()
        self.auditor.check_limits()
        self.auditor.check_sums(self.cloud.streams())

    def _branches(self) -> None:
        """Each disk's entries are one branch of the cloud's, byte for byte."""
        inboxes = {key: self._through(key) for key in self.cloud.streams()}
        for stream in self.auditor.streams:
            bodies = [fact.body for fact in stream.facts]
            known = [chain for key, chain in inboxes.items() if key[:2] == (stream.device, stream.epoch)]
            if not any(chain[: len(bodies)] == bodies for chain in known):
                most = max((_common(chain, bodies) for chain in known), default=0)
                raise Violation(
                    f"device {stream.device}/{stream.epoch} wrote {len(bodies)} entries,"
                    f" the cloud has the first {most} of them"
                )
        written = {fact.body for stream in self.auditor.streams for fact in stream.facts}
        for key, chain in inboxes.items():
            strange = [seq for seq, body in enumerate(chain, 1) if body not in written]
            if strange:
                raise Violation(f"stream {key} has an entry {strange[0]} that no gateway wrote")

    def _through(self, key: tuple[int, int, int]) -> list[bytes]:
        device, epoch, _branch = key
        found = self._kept(key)
        if [row[0] for row in found] != list(range(1, len(found) + 1)):
            raise Violation(f"stream {key} has a gap")
        head = words.first_hash(device, epoch)
        for seq, _state, digest, body in found:
            head = words.chained(head, body)
            if head != digest:
                raise Violation(f"stream {key} is kept with a broken chain at entry {seq}")
        return [row[3] for row in found]

    def _kept(self, key: tuple[int, int, int]) -> list[tuple[int, int, bytes, bytes]]:
        """A branch's own entries after those it shares with the branch it left, which may have left one itself."""
        own = self.cloud.inbox(*key)
        if not key[2]:
            return own
        stream = self.cloud.streams()[key]
        return self._kept((*key[:2], stream["parent"]))[: stream["forked_after"]] + own

    def _each_entry_once(self) -> None:
        """An entry is applied, or set aside for a reason the world knows; and moves just what it says."""
        aside = {row[:4]: row for row in self.cloud.set_aside() if row[4] != "replayed"}
        for device, epoch, branch in self.cloud.streams():
            for seq, state, _digest, body in self.cloud.inbox(device, epoch, branch):
                place = (device, epoch, branch, seq)
                if (state == APPLIED) == (place in aside):
                    raise Violation(f"entry {place} is in state {state} and set aside: {place in aside}")
                fact = words.fact_of(body)
                if state == APPLIED:
                    self.applied[place] = fact
                    self._moves_what_it_says(place, fact)
                elif self.by_fact.get(place):
                    raise Violation(f"entry {place} is set aside and has moved money")
                elif not self._known_poison(device, epoch, fact) and aside[place][5] != "behind":
                    raise Violation(f"entry {place} is set aside: {aside[place]}")

    def _known_poison(self, device: int, epoch: int, fact: words.Fact) -> bool:
        """Whether the entry contradicts itself, or gives back what one that does so took."""
        known = self.auditor.poison
        refund = fact.kind == words.REFUND and (device, epoch, fact.payload[7]) in known
        return refund or (device, epoch, fact.seq) in known

    def _moves_what_it_says(self, place: tuple[int, int, int, int], fact: words.Fact) -> None:
        kinds = {words.SETTLEMENT: SPEND, words.REFUND: REFUND}
        if fact.kind not in kinds or place[:2] + place[3:] in self.auditor.poison:
            return
        moved: Counter[int] = Counter()
        for line in self.by_fact.get(place, ()):
            if line.kind == kinds[fact.kind]:
                moved[(line.credit if fact.kind == words.SETTLEMENT else line.debit)[2]] += line.amount
        said: Counter[int] = Counter()
        for bucket, amount in words.shares_of(fact):
            said[bucket] += amount
        if +moved != +said:
            raise Violation(f"entry {place} says {dict(+said)} and moved {dict(+moved)}")

    def _money(self) -> None:
        """What each person has, wherever it is, is what was paid in less what was eaten."""
        expected = self._expected()
        found: Counter[Pair] = Counter()
        out: Counter[Pair] = Counter()
        for line in self.lines:
            for account, sign in ((line.debit, -1), (line.credit, 1)):
                if account[0] in PERSONAL:
                    found[account[1], account[2]] += sign * line.amount
                elif account[0] == LOSS and line.fact is not None:
                    found[words.person_of(self.applied[line.fact]), account[2]] += sign * line.amount
            if line.kind in (CLEARING, WITHDRAWAL):
                sign = 1 if line.debit[0] in PERSONAL else -1
                out[line.person, line.debit[2]] += sign * line.amount
                self._may_leave(line)
        for pair in sorted({*expected, *found}):
            if found[pair] != expected[pair] - out[pair]:
                raise Violation(
                    f"person and bucket {pair} have {found[pair]}; paid in, eaten and taken out leave"
                    f" {expected[pair] - out[pair]}"
                )
        self._nothing_left(found)

    def _expected(self) -> Counter[Pair]:
        expected = Counter(self.auditor.paid_in)
        expected.update(self.swaps)
        for fact in self.applied.values():
            if fact.kind in (words.SETTLEMENT, words.REFUND, words.CASH_TAKEN, words.CASH_VOIDED):
                for person, bucket, by in words.moved_by(fact):
                    expected[person, bucket] += by
        return expected

    def _may_leave(self, line: AccountLine) -> None:
        if line.kind == CLEARING and line.debit[2] not in self.auditor.cleared:
            raise Violation(f"{line.amount} of bucket {line.debit[2]}, which nobody cleared, went back")
        if line.kind == WITHDRAWAL and line.person not in self.leavers:
            raise Violation(f"{line.amount} were paid out to person {line.person}, who has not left")

    def _nothing_left(self, found: Counter[Pair]) -> None:
        odd = {(line.person, line.debit[2]) for line in self.lines if EXCEPTIONS in (line.debit[0], line.credit[0])}
        stuck = {key[1:3] for key in self.cloud.balances() if key[3:] in self.auditor.irregular}
        for (person, bucket), fen in sorted(found.items()):
            gone = bucket in self.auditor.cleared or person in self.leavers
            if gone and fen > 0 and (person, bucket) not in odd | stuck:
                raise Violation(f"{fen} of bucket {bucket} stay with person {person} after clearing or leaving")

    def _certificate(self) -> None:
        """The counts by lane and hour make up the entries, each in one of them."""
        counted: Counter[int] = Counter()
        for (device, _lane, _hour), (applied, _duplicates, quarantined, parked) in self.cloud.counts().items():
            counted[device] += applied + quarantined + parked
        kept: Counter[int] = Counter()
        for device, epoch, branch in self.cloud.streams():
            kept[device] += len(self.cloud.inbox(device, epoch, branch))
        if counted != kept:
            raise Violation(f"the certificate counts {dict(counted)}, there are {dict(kept)} entries")


def _common(chain: Sequence[Any], bodies: Sequence[Any]) -> int:
    shared = 0
    for one, other in zip(chain, bodies, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def check_at_rest(stream: Stream, machine: Any, cloud: CloudFace) -> None:
    """A healed site has said everything, heard everything and holds what the cloud thinks it holds."""
    name = f"site {stream.site}, epoch {stream.epoch}"
    if machine.journal.applied_through != machine.journal.head_seq:
        raise Violation(f"{name} still has {machine.journal.head_seq - machine.journal.applied_through} facts to send")
    if machine.link.state.word not in ("open", "frozen", "superseded"):
        raise Violation(f"{name} stands with the word {machine.link.state.word!r}")
    if machine.journal.committed().sum_fen != stream.taken_fen():
        raise Violation(f"{name} took {stream.taken_fen()} and tells {machine.journal.committed().sum_fen}")
    row = cloud.lease_sites()[stream.site, stream.epoch]
    if row["state"] != "open":
        return
    if machine.leases.n != row["newest_n"]:
        raise Violation(f"{name} knows {machine.leases.n} lease messages of {row['newest_n']}")
    for n, kind, *_rest, answered in cloud.lease_messages(stream.site, stream.epoch):
        if kind in (words.RECALL, words.SHRINK) and answered is None:
            raise Violation(f"{name} never answered lease message {n}")
    at_site = {
        (k[1], k[2]): fen for k, fen in cloud.balances().items() if k[0] == 1 and k[3:] == (stream.site, stream.epoch)
    }
    held = {pair: fen for pair, fen in machine.held().items() if fen}
    if at_site != held:
        odd = sorted(set(at_site.items()) ^ set(held.items()))[:3]
        raise Violation(f"{name} and the cloud disagree on what is leased there: {odd}")
