"""The limits of the door. Each can be set as CARNET_DOOR_<NAME>; docs/serving.md lists them."""

from __future__ import annotations

import resource

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from verifier.errors import Malformed

KIB = 2**10
MOST_CONNECTIONS = 4096
"""Connections by default where the process may open any number of files."""
RESERVE = 256
"""File descriptors that connections never take: database, segments, `signed_head`, the chain, the listen queue."""
BACKLOG = 128
"""Connections that the kernel takes in while we are busy: they get a descriptor before we can refuse them."""


class DoorSettings(BaseSettings):
    """Limits of one listener. Seconds are of a monotonic clock; bytes are as they come off the socket.

    `connections`: in all; None takes half of the process's limit of open files, at most 4,096.
    `connections_per_network`: of an IPv4 address or an IPv6 /64, save of proxies that may say whom they speak for
    (FORWARDED_ALLOW_IPS). `header_*`: request line and fields together. `body_*`: a body may take `body_seconds`, plus
    one second for each `body_rate` bytes received. `answer_*`: the same for reading an answer. `pipelined`: requests
    that wait behind one.
    """

    model_config = SettingsConfigDict(env_prefix="CARNET_DOOR_", env_ignore_empty=True, extra="ignore")

    connections: int | None = Field(default=None, ge=8)
    connections_per_network: int = Field(default=64, ge=1)
    header_bytes: int = Field(default=32 * KIB, ge=4 * KIB, le=1024 * KIB)
    header_count: int = Field(default=100, ge=16, le=10_000)
    header_seconds: float = Field(default=10.0, gt=0, le=3_600)
    idle_seconds: float = Field(default=20.0, gt=0, le=3_600)
    body_seconds: float = Field(default=30.0, gt=0, le=3_600)
    body_rate: int = Field(default=4 * KIB, ge=1)
    answer_seconds: float = Field(default=30.0, gt=0, le=3_600)
    answer_rate: int = Field(default=KIB, ge=1)
    pipelined: int = Field(default=16, ge=1, le=1_000)

    def most(self) -> int:
        """How many connections are kept at once.

        Raises Malformed (`settings`) if that is more than the open files allowed.
        """
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MOST_CONNECTIONS * 4 if soft == resource.RLIM_INFINITY else soft
        if self.connections is None:
            return max(8, min(MOST_CONNECTIONS, files // 2))
        if self.connections > files - RESERVE:
            raise Malformed(
                f"couldn't read the settings: CARNET_DOOR_CONNECTIONS: got {self.connections}, expected at most "
                f"{files - RESERVE}, since this process may open {files} files and keeps {RESERVE} for the ledger",
                code="settings",
            )
        return self.connections


def door_settings() -> DoorSettings:
    """The limits from the environment. Raises Malformed (`settings`)."""
    try:
        return DoorSettings()
    except ValidationError as error:
        names = ", ".join(f"CARNET_DOOR_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise Malformed(f"couldn't read the settings: {names}", code="settings") from error
