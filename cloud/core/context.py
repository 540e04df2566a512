"""What the core hands to every part that is built on it; held by the application, never global."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from cloud.core.clock import Clock
from cloud.core.crypto import Vault
from cloud.core.database import Database
from cloud.core.events import Events
from cloud.core.jobs import Jobs
from cloud.core.postgres import PostgresAddress
from cloud.core.signing import CoreSigner
from cloud.settings import Settings


@dataclass(frozen=True)
class BrokerAddress:
    """Where MQTT is spoken, and as whom the core speaks it."""

    host: str
    port: int
    username: str = ""
    password: str = ""


@dataclass(frozen=True)
class Core:
    """The collaborators of one running core. Services take this as their first argument."""

    settings: Settings
    database: Database
    clock: Clock
    vault: Vault
    signer: CoreSigner
    events: Events
    jobs: Jobs
    state_directory: Path
    address: PostgresAddress
    broker: BrokerAddress | None = None


def get_core(request: Request) -> Core:
    """The core of the application a request came to."""
    core: Core = request.app.state.core
    return core


CoreDependency = Annotated[Core, Depends(get_core)]
