"""What identity refuses, each with its stable code."""

from cloud.core.errors import Conflict


class NumberTaken(Conflict):
    """Somebody of this organisation has the number."""

    code = "person_number_taken"
    title = "This number belongs to somebody already"


class CredentialTaken(Conflict):
    """A card, code or phone names one person at a time."""

    code = "credential_taken"
    title = "This credential is in use: revoke it first"


class PersonLeft(Conflict):
    """Nothing more can be given to somebody who left."""

    code = "person_left"
    title = "This person has left"


class PhoneTaken(Conflict):
    """A phone number names one person at a time."""

    code = "phone_taken"
    title = "This phone number belongs to somebody already"
