"""Bodies of /edge/v1, as msgpack arrays. Fields are only appended; both sides speak versions 12 months back."""

from enum import IntEnum

import msgspec

from protocols.journal.messages import Checkpoint
from protocols.payments.facts import Movement

PROTOCOL = 1
MAX_BATCH_ENTRIES = 5_000
MAX_BATCH_BYTES = 4 * 1024 * 1024


class Provision(msgspec.Struct, array_like=True, frozen=True):
    """A gateway's first call: the one-time code and its new SM2 key, held as `signature` over both shows."""

    code: str
    public_key: bytes
    signature: bytes
    name: str
    software: str


class Provisioned(msgspec.Struct, array_like=True, frozen=True):
    """Who the gateway is from now on, the epoch it writes under, and the first number of its stream."""

    organisation: int
    site: int
    device: int
    epoch: int
    key_id: int
    generation: int
    time_zone: str
    server_ms: int
    site_key: bytes  # this site's key for credentials and dynamic codes; kept sealed at the edge


class OpenSession(msgspec.Struct, array_like=True, frozen=True):
    """Proof of the device key: `signature` over `session_bytes`."""

    protocol: int
    device: int
    key_id: int
    at_ms: int
    nonce: bytes
    signature: bytes
    software: str


class Session(msgspec.Struct, array_like=True, frozen=True):
    """A bearer token for the calls below."""

    token: str
    expires_s: int
    epoch: int
    generation: int
    server_ms: int
    site_key: bytes


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """Entries `first_seq`.. in order as the very bytes hashed; `checkpoint` signs the last of them."""

    device: int
    epoch: int
    first_seq: int
    previous: bytes  # chain hash before the first entry
    bodies: tuple[bytes, ...]
    checkpoint: Checkpoint


class BatchAnswer(msgspec.Struct, array_like=True, frozen=True):
    """Where the cloud stands. A gap or a replay answers the same way: send from `applied_through` + 1."""

    generation: int
    applied_through: int
    head: bytes
    safe_through: int
    applied: int
    duplicates: int
    quarantined: int
    state: str  # "open", "stopped" (bad deploy), "frozen" (fork or revoked key), "declare" (restored cloud)


class Heartbeat(msgspec.Struct, array_like=True, frozen=True):
    """How the site stands (rule 20): what a lost disk would have held, and what of the replicas is here."""

    epoch: int
    generation: int
    head_seq: int
    head: bytes
    sum_fen: int  # settlements less refunds of the whole stream
    waiting: int  # entries not yet acknowledged
    lease_n: int  # last lease message applied
    replicas: dict[str, int]
    offset_ms: int
    uncertainty_ms: int
    lanes: tuple[tuple[int, str, int], ...]  # lane id, state word, people waiting (-1 unknown)
    disk_free_mb: int
    revoked_through: int = 0  # replica version up to which revocations and erasures are in force here (rule 16)


class HeartbeatAnswer(msgspec.Struct, array_like=True, frozen=True):
    """What is new for the site."""

    generation: int
    epoch: int
    server_ms: int
    lease_n: int  # newest lease message
    replicas: dict[str, int]  # newest version of each collection
    applied_through: int
    safe_through: int
    state: str


class LeaseKind(IntEnum):
    """What a lease message does at the site."""

    GRANT = 1
    RECALL = 2  # give back up to `amount`; answered by LEASE_RETURNED
    SHRINK = 3  # a correction downward asks; answered by SHRINK_ANSWERED
    CUTOFF = 4  # `bucket` is spent no more; answered by CUTOFF_PASSED
    STANDING = 5  # the standing right to limit `bucket` (a rule id) of the person, from `from_day` on
    STANDING_RECALL = 6  # answered by STANDING_RETURNED
    PASS = 7  # `amount` uses of limit `bucket` on the one day `from_day` (a visit)


class LeaseMessage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Number `n` of a (site, epoch), applied in order with its high-water mark; a replay is nothing (rule 5)."""

    n: int
    kind: int
    person: int
    bucket: int
    amount: int
    from_day: int


class LeasePage(msgspec.Struct, array_like=True, frozen=True):
    """Messages after the one asked for, in order without a gap; `newest` says whether there is more."""

    generation: int
    epoch: int
    newest: int
    messages: tuple[LeaseMessage, ...]


class LeaseAsk(msgspec.Struct, array_like=True, frozen=True):
    """A visiting diner needs `amount` here now; `rules` are limits (standing rights) wanted for `day`.

    `lease_n` is the last lease message applied here: what was granted up to it is in the book, and is not under way.
    """

    person: int
    amount: int
    rules: tuple[int, ...]
    day: int
    lease_n: int = 0


class LeaseAskAnswer(msgspec.Struct, array_like=True, frozen=True):
    """`newest` lease message after the ask; `granted` of the amount; `word` says why not all."""

    newest: int
    granted: int
    word: str


class FaceEnrolment(msgspec.Struct, array_like=True, frozen=True):
    """Templates taken at a gateway's camera by an operator, for the site of that gateway alone.

    `id` is made and stored before sending, so repeating is harmless. `wording` is the number of the consent text the
    person agreed to on this screen at `at_ms` (0: consent was given before). Templates as in a FaceRecord.
    """

    id: str
    person: int
    operator: int
    network: str
    templates: tuple[bytes, ...]
    wording: int
    at_ms: int
    quality: float = 1.0


class FaceEnrolmentAnswer(msgspec.Struct, array_like=True, frozen=True):
    """`stored`, or why not; no word but `stored` changes anything, and trying the same again cannot help.

    `no_person`, `no_operator`, `no_consent`, `wording_old`, `withdrawn` (after `at_ms`), `older` (than the enrolment
    there), `network_unknown`, `unfit` (templates) or `looks_like_another` (an administrator enrols in the console).
    `version` is that of the site's collection `faces` which carries it.
    """

    word: str
    version: int = 0


class ReplicaRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record: `body` is the msgpack of its struct, None a tombstone; in force from `effective_from_ms`."""

    key: str
    version: int
    effective_from_ms: int
    body: bytes | None


class ReplicaPage(msgspec.Struct, array_like=True, frozen=True):
    """Rows changed after the version asked for. Applied whole or not at all (rule 30).

    `reset` tells the edge to replace the collection. `digest` is over the whole collection at `version` when `more`
    is False: see `collection_digest`.
    """

    collection: str
    generation: int
    version: int
    reset: bool
    more: bool
    rows: tuple[ReplicaRow, ...]
    digest: bytes


class DeclarationAnswer(msgspec.Struct, array_like=True, frozen=True):
    """Whether the cloud has all parts, and may lease again once every site has declared."""

    complete: bool
    sites_missing: int


class Fault(msgspec.Struct, array_like=True, frozen=True):
    """An error answer of /edge/v1: stable `code`, what to do in words, whether trying the same again can help."""

    code: str
    detail: str
    retry: bool


Holdings = tuple[Movement, ...]
