"""The built console as static files; a path of one of its pages answers the page's app."""

from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_API = ("api/", "edge/")
_KEPT = "public, max-age=31536000, immutable"


class Console(StaticFiles):
    """Files below `directory`; anything else that looks like a page gets `index.html` and finds its own way."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or the app for a page's path. API paths and missing files with an ending stay 404."""
        try:
            answer = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != HTTPStatus.NOT_FOUND or path.startswith(_API) or "." in path.rsplit("/", 1)[-1]:
                raise
            answer = await super().get_response("index.html", scope)
        named_by_content = path.startswith("assets/") and answer.status_code < HTTPStatus.BAD_REQUEST
        answer.headers["cache-control"] = _KEPT if named_by_content else "no-cache"
        return answer
