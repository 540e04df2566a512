"""Rows of the canteen domain with a single id; the others are read in `queries.py`."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Canteen(Model):
    """A canteen of a site; its business day begins `day_starts_minute` after midnight."""

    id = fields.BigIntField(primary_key=True)
    site_id = fields.BigIntField()
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    day_starts_minute = fields.IntField(default=240)

    class Meta:
        table = "canteen_canteens"


class Stall(Model):
    """What takings are booked to."""

    id = fields.BigIntField(primary_key=True)
    canteen_id = fields.BigIntField()
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")

    class Meta:
        table = "canteen_stalls"


class Dish(Model):
    """Something sold, by portion or by weight."""

    id = fields.BigIntField(primary_key=True)
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    category = fields.CharField(max_length=50, default="")
    by_weight = fields.BooleanField(default=False)
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "canteen_dishes"


class Lane(Model):
    """A point of sale; `kind` is a LaneKind, `dish_id` what a weigh station serves."""

    id = fields.BigIntField(primary_key=True)
    canteen_id = fields.BigIntField()
    stall_id = fields.BigIntField()
    kind = fields.SmallIntField()
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    code = fields.CharField(max_length=8)
    station = fields.IntField(default=0)
    dish_id = fields.BigIntField(null=True)
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "canteen_lanes"


class Period(Model):
    """A meal period in minutes of the site's day; may pass midnight."""

    id = fields.BigIntField(primary_key=True)
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    start_minute = fields.IntField()
    end_minute = fields.IntField()
    canteens = ArrayField("bigint", default=list)
    weekdays = ArrayField("smallint", default=list)
    stopped = fields.BooleanField(default=False)

    class Meta:
        table = "canteen_periods"


class PlateKind(Model):
    """A kind of tableware with its own price."""

    id = fields.BigIntField(primary_key=True)
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    price_fen = fields.BigIntField()
    colour = fields.CharField(max_length=20, default="")

    class Meta:
        table = "canteen_plate_kinds"
