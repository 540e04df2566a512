"""The kinds of entries. A number is never reused; payload structs live beside the rules of their field."""

from enum import IntEnum


class Kind(IntEnum):
    """What an entry says happened. `protocols/payments/facts.py` has the payloads of 1 to 39."""

    INCARNATION = 1  # a boot: a nonce that two copies of one disk cannot share (rule 21)
    KEY_ROTATED = 2  # signed by the old key (rule 22)
    COMMAND_DONE = 3  # a command was executed, refused or expired (rule 33)
    DECLARATION = 4  # what this site holds, asked for by a restored cloud (rule 25)
    SETTLEMENT = 10
    REFUND = 11  # refund, reversal or void: money back to the buckets it came from (rule 10)
    CASH_TAKEN = 12  # cash into a person's bucket, spendable here at once (rule 11)
    CASH_VOIDED = 13
    REFUSED = 14  # a payment that was not taken, with its reason
    WEIGHED = 15  # one stable pick or give-back at a weigh station
    WEIGHT_UNATTRIBUTED = 16  # weight changed with nobody bound
    TRAY_BOUND = 17
    LEASE_RETURNED = 20  # an answer to a recall, or a voluntary return
    SHRINK_ANSWERED = 21
    CUTOFF_PASSED = 22  # this stream spends the named buckets no more; what was left is returned (rule 8)
    STANDING_RETURNED = 23  # the standing right to a limit of a person goes back from a day on
    DAY_CLOSED = 30
    TURNSTILE_PASSED = 31
