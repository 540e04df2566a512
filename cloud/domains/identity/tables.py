"""Rows of the identity domain; `organisation_id` is filled by the database from the transaction."""

from tortoise import fields
from tortoise.models import Model


class Group(Model):
    """A company, department or post in the tree of an organisation."""

    id = fields.BigIntField(primary_key=True)
    parent_id = fields.BigIntField(null=True)
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")

    class Meta:
        table = "identity_groups"


class Person(Model):
    """Somebody who eats, works or signs here. Personal fields lie sealed beside a blind index and a masked form."""

    id = fields.BigIntField(primary_key=True)
    number = fields.CharField(max_length=40)
    name = fields.CharField(max_length=100)
    group: fields.ForeignKeyRelation[Group] = fields.ForeignKeyField("identity.Group", related_name="people")
    group_id: int
    home_site_id = fields.BigIntField()
    phone_sealed = fields.BinaryField(null=True)
    phone_index = fields.BinaryField(null=True)
    phone_masked = fields.CharField(max_length=40, default="")
    identity_number_sealed = fields.BinaryField(null=True)
    identity_number_index = fields.BinaryField(null=True)
    identity_number_masked = fields.CharField(max_length=40, default="")
    valid_from = fields.DateField()
    valid_until = fields.DateField(null=True)
    state = fields.CharField(max_length=10, default="active")
    blocked = fields.CharField(max_length=100, default="")
    pin_over_fen = fields.BigIntField(default=0)
    day_pin_over_fen = fields.BigIntField(default=0)
    joined_at = fields.DatetimeField()
    left_at = fields.DatetimeField(null=True)

    class Meta:
        table = "identity_people"


class Credential(Model):
    """One way a person is known; `kind` is a CredentialKind of protocols."""

    id = fields.BigIntField(primary_key=True)
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField("identity.Person", related_name="credentials")
    person_id: int
    kind = fields.SmallIntField()
    value_sealed = fields.BinaryField(null=True)
    value_index = fields.BinaryField(null=True)
    value_masked = fields.CharField(max_length=80, default="")
    pin_hash = fields.BinaryField(null=True)
    valid_from = fields.DateField()
    valid_until = fields.DateField(null=True)
    cap_fen = fields.BigIntField(default=0)
    made_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revoked_reason = fields.CharField(max_length=200, default="")

    class Meta:
        table = "identity_credentials"


class Operator(Model):
    """Who may refund and close at a lane: a card and a PIN of their own."""

    id = fields.BigIntField(primary_key=True)
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField("identity.Person", related_name="operators")
    person_id: int
    card_sealed = fields.BinaryField()
    card_index = fields.BinaryField()
    pin_hash = fields.BinaryField()
    refund_limit_fen = fields.BigIntField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "identity_operators"
