"""HTTP of faces: consent, pictures, withdrawal. Pictures are held in memory while they are looked at, never stored."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.errors import CloudError, Invalid, Malformed, TooLarge
from cloud.core.sessions import User
from cloud.domains.identity import faces
from cloud.domains.identity.faces_desk import FaceDesk
from cloud.domains.identity.faces_pictures import BYTES_MOST
from cloud.domains.identity.faces_schemas import ConsentIn, ConsentTextOut, FaceOut, FaceOutcome, FacePictureOut
from cloud.domains.identity.rules_faces import PICTURES_MOST

router = APIRouter(prefix="/api/v1/identity", tags=["identity"])

Reader = Annotated[User, Depends(current_user(rights.IDENTITY_READ))]
Manager = Annotated[User, Depends(current_user(rights.IDENTITY_MANAGE))]
PathId = Annotated[int, Path(ge=1, lt=2**53)]

_SOURCES: Final = ("camera", "files")
_PICTURE: Final = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "description": "JPEG or PNG, at most 4 MiB",
}
_ONE: Final[dict[str, Any]] = {"type": "object", "required": ["picture"], "properties": {"picture": _PICTURE}}
_SEVERAL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["pictures"],
    "properties": {
        "pictures": {"type": "array", "items": _PICTURE, "minItems": 3, "maxItems": PICTURES_MOST},
        "source": {"type": "string", "enum": list(_SOURCES), "default": "files"},
        "confirmed": {"type": "boolean", "default": False, "description": "an administrator allows the likeness"},
    },
}


def _desk(request: Request) -> FaceDesk:
    desk: FaceDesk = request.app.state.face_desk
    return desk


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


Desk = Annotated[FaceDesk, Depends(_desk)]


@router.get("/face-consent-text")
async def get_consent_text(core: CoreDependency, user: Reader) -> ConsentTextOut:
    """The wording that people agree to now."""
    del user  # whoever may read people
    return faces.consent_text(core)


@router.get("/people/{person_id}/face")
async def get_face(core: CoreDependency, user: Reader, person_id: PathId) -> FaceOut:
    """Whether somebody is enrolled, where they agreed, and what each site has confirmed."""
    return await faces.show(core, user, person_id)


@router.put("/people/{person_id}/face-consent")
async def put_consent(core: CoreDependency, user: Manager, person_id: PathId, body: ConsentIn) -> FaceOut:
    """Note consent to exactly these sites; a site left out loses the templates and confirms."""
    return await faces.agree(core, user, person_id, body)


@router.post("/people/{person_id}/face-withdrawal")
async def post_withdrawal(core: CoreDependency, user: Manager, person_id: PathId) -> FaceOut:
    """Withdraw consent everywhere: templates are erased here now, and at each site, which confirms."""
    return await faces.withdraw(core, user, person_id)


@router.post("/face-checks", openapi_extra=_body(_ONE))
async def post_check(request: Request, desk: Desk, user: Manager) -> FacePictureOut:
    """What to tell somebody before the camera. Nothing is kept."""
    del user  # whoever may enrol
    pictures, _ = await _form(request, "picture", most=1)
    if not pictures:
        raise Invalid("picture", "send one picture", reason="missing")
    return await faces.check(desk, pictures[0])


@router.post("/people/{person_id}/face-enrolments", openapi_extra=_body(_SEVERAL))
async def post_enrolment(
    request: Request, core: CoreDependency, desk: Desk, user: Manager, person_id: PathId
) -> FaceOutcome:
    """Enrol from 3 to 8 pictures, which are forgotten at once; the answer says what became of each."""
    pictures, values = await _form(request, "pictures", most=PICTURES_MOST)
    source, confirmed = values.get("source", "files"), values.get("confirmed", "false")
    if source not in _SOURCES:
        raise Invalid("source", "camera or files", reason="literal_error")
    if confirmed not in ("true", "false"):
        raise Invalid("confirmed", "true or false", reason="literal_error")
    return await faces.enrol(core, desk, user, person_id, pictures, source=source, confirmed=confirmed == "true")


async def _form(request: Request, name: str, *, most: int) -> tuple[list[bytes], dict[str, str]]:
    """Pictures and texts of a form, read in memory alone. Raises Malformed, TooLarge."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Malformed("send the pictures as multipart/form-data")
    parser = MultiPartParser(request.headers, request.stream(), max_files=most + 1, max_fields=8)
    parser.spool_max_size = 2 * PICTURES_MOST * BYTES_MOST  # a picture never touches a disk, not even a temporary file
    try:
        form = await parser.parse()
    except CloudError:
        raise
    except Exception as error:  # what a body raises that breaks off or is none: its sender's matter, as FastAPI has it
        raise Malformed("the form cannot be read") from error
    try:
        parts = [part for part in form.getlist(name) if isinstance(part, UploadFile)]
        if any((part.size or 0) > BYTES_MOST for part in parts):
            raise TooLarge(f"a picture has at most {BYTES_MOST} bytes")
        return [await part.read() for part in parts], {k: v for k, v in form.multi_items() if isinstance(v, str)}
    finally:
        await form.close()
