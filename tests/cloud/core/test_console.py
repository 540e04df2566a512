"""The built console: its files, its pages' own paths, and nothing in the API's place."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from cloud.core.console import Console


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("the console")
    (tmp_path / "assets" / "app.js").write_text("code")
    (tmp_path.parent / "secret.txt").write_text("secret")
    app = Starlette(routes=[Mount("/", Console(tmp_path))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://core.test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", 200, "the console"),
        ("/canteen/settlements/7-1-3", 200, "the console"),
        ("/assets/app.js", 200, "code"),
        ("/assets/gone.js", 404, None),
        ("/api/v1/nothing", 404, None),
        ("/edge/v1/nothing", 404, None),
        ("/..%2fsecret.txt", 404, None),
    ],
)
async def test_files_pages_and_nothing_else(web: httpx.AsyncClient, path: str, status: int, text: str | None) -> None:
    answer = await web.get(path)
    assert answer.status_code == status
    assert "secret" not in answer.text
    if text is not None:
        assert answer.text == text


async def test_the_page_is_asked_for_anew_and_named_files_may_be_kept(web: httpx.AsyncClient) -> None:
    assert (await web.get("/")).headers["cache-control"] == "no-cache"
    assert (await web.get("/people")).headers["cache-control"] == "no-cache"
    assert "immutable" in (await web.get("/assets/app.js")).headers["cache-control"]
