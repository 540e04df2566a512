"""News of places."""

from typing import Final

SITE_OPENED: Final = "places.site_opened"
