"""Rows of the devices domain with a single id; keys and epochs are read in `directory.py`."""

from tortoise import fields
from tortoise.models import Model


class Gateway(Model):
    """A canteen gateway: the one that holds a site's leases and writes its stream."""

    id = fields.BigIntField(primary_key=True)
    site_id = fields.BigIntField()
    name = fields.CharField(max_length=100)
    state = fields.CharField(max_length=10, default="never")
    epoch = fields.IntField(default=0)
    code_hash = fields.BinaryField(null=True)
    code_expires_at = fields.DatetimeField(null=True)
    code_public_key = fields.BinaryField(null=True)
    software = fields.CharField(max_length=100, default="")
    reason = fields.CharField(max_length=200, default="")
    made_at = fields.DatetimeField()

    class Meta:
        table = "devices_gateways"


class Command(Model):
    """A command to a gateway and what became of it."""

    id = fields.BigIntField(primary_key=True)
    gateway_id = fields.BigIntField()
    name = fields.CharField(max_length=40)
    arguments = fields.TextField()
    asked_by = fields.CharField(max_length=100)
    asked_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    state = fields.CharField(max_length=12, default="sent")
    answer = fields.TextField(default="")
    answered_at = fields.DatetimeField(null=True)

    class Meta:
        table = "devices_commands"
