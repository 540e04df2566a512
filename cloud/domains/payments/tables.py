"""Rows of the payments domain with a single id; grants, files and settlements of exceptions are read by SQL."""

from datetime import date

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Bucket(Model):
    """A wallet, or one dated grant of it (rule 2)."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.SmallIntField()
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    starts_on: date | None = fields.DateField(null=True)
    expires_on: date | None = fields.DateField(null=True)
    lane_kinds = ArrayField("smallint", default=list)
    canteens = ArrayField("bigint", default=list)
    periods = ArrayField("bigint", default=list)
    meal_limit_fen = fields.BigIntField(default=0)
    day_limit_fen = fields.BigIntField(default=0)
    month_limit_fen = fields.BigIntField(default=0)
    counting = fields.BooleanField(default=False)
    grant_source = fields.CharField(max_length=100, default="")
    period = fields.CharField(max_length=20, default="")
    state = fields.CharField(max_length=10, default="open")

    class Meta:
        table = "payments_buckets"


class SubsidyRule(Model):
    """Who gets how much of which kind each period."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=100)
    bucket_kind = fields.SmallIntField()
    group_ids = ArrayField("bigint", default=list)
    amount_fen = fields.BigIntField()
    valid_months = fields.IntField()
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "payments_subsidy_rules"


class Scene(Model):
    """How a lane kind deducts."""

    id = fields.BigIntField(primary_key=True)
    lane_kind = fields.SmallIntField()
    canteen_id = fields.BigIntField(default=0)
    deduct_order = ArrayField("smallint", default=list)
    ratio: fields.JSONField[list[list[int]]] = fields.JSONField(default=list)
    single_limit_fen = fields.BigIntField(default=0)
    offline_days_max = fields.IntField(default=0)

    class Meta:
        table = "payments_scenes"


class PriceRule(Model):
    """Price class by group and meal."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=100, default="")
    priority = fields.IntField(default=0)
    groups = ArrayField("bigint", default=list)
    periods = ArrayField("bigint", default=list)
    canteens = ArrayField("bigint", default=list)
    lane_kinds = ArrayField("smallint", default=list)
    percent_permille = fields.IntField(default=1000)
    first_n = fields.IntField(default=0)
    first_permille = fields.IntField(default=1000)
    fee_permille = fields.IntField(default=0)
    fee_fen = fields.BigIntField(default=0)
    fixed_fen = fields.BigIntField(default=-1)
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "payments_price_rules"


class LimitRule(Model):
    """A limit of times or fen per person, held by a standing right at one site (rule 3)."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=100, default="")
    groups = ArrayField("bigint", default=list)
    lane_kinds = ArrayField("smallint", default=list)
    canteens = ArrayField("bigint", default=list)
    periods = ArrayField("bigint", default=list)
    per = fields.SmallIntField()
    times = fields.IntField(default=0)
    amount_fen = fields.BigIntField(default=0)
    when_absent = fields.CharField(max_length=10, default="refuse")
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "payments_limit_rules"
