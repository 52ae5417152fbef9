"""Looking codes up, as anybody may."""

from __future__ import annotations

import httpx
import pytest
from served import Stage

pytestmark = pytest.mark.node


def verify(http: httpx.Client, code: str, **more: str) -> dict:
    response = http.get("/v1/verify", params={"code": code, **more})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_registered_unit(stage: Stage, http: httpx.Client) -> None:
    answer = verify(http, stage.link(stage.batch, stage.batch.serials[0]), carrier="qr")
    assert answer["verdict"] == "registered"
