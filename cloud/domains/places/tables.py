"""Rows of the places domain; `organisation_id` is filled by the database from the transaction."""

from tortoise import fields
from tortoise.models import Model


class Site(Model):
    """A campus or compound with one time zone; leases and replicas are given out site by site."""

    id = fields.BigIntField(primary_key=True)
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")
    time_zone = fields.CharField(max_length=64)

    class Meta:
        table = "places_sites"


class Building(Model):
    """A building on a site."""

    id = fields.BigIntField(primary_key=True)
    site: fields.ForeignKeyRelation[Site] = fields.ForeignKeyField("places.Site", related_name="buildings")
    site_id: int
    name_zh = fields.CharField(max_length=100)
    name_en = fields.CharField(max_length=100, default="")

    class Meta:
        table = "places_buildings"
