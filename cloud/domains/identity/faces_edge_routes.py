"""`POST /edge/v1/face-enrolments`: a gateway hands in what it took at its camera (see docs/architecture.md)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from cloud.core.context import CoreDependency
from cloud.core.errors import Conflict
from cloud.domains.identity import faces_edge
from cloud.domains.identity.faces_desk import FaceDesk
from cloud.sync.devices import DeviceState
from cloud.sync.edge_api import EdgeApi
from cloud.sync.routes import FaultRoute, answer_of, read_message, token_of
from protocols.sync.messages import FaceEnrolment

router = APIRouter(prefix="/edge/v1", route_class=FaultRoute, include_in_schema=False)


class DeviceFrozen(Conflict):
    """Nothing new is taken from a gateway of which two may exist."""

    code = "device_frozen"
    title = "This gateway is frozen until a person has looked"


@router.post("/face-enrolments", response_model=None)
async def post_face_enrolment(request: Request, core: CoreDependency) -> Response:
    """POST a FaceEnrolment, get a FaceEnrolmentAnswer."""
    api: EdgeApi = request.app.state.edge_api
    desk: FaceDesk = request.app.state.face_desk
    token = token_of(request)
    sent = await read_message(request, FaceEnrolment)
    async with api.entered(token) as (tx, _, device, _, _):
        if device.state is not DeviceState.ACTIVE:
            raise DeviceFrozen
        return answer_of(await faces_edge.take(core, tx, desk, sent, device=device.device, site=device.site))
