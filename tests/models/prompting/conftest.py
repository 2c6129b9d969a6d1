"""A server for each test, and quick waits."""

import pytest
from servers import Misbehaving

from naba.models.prompting import endpoint


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    with Misbehaving() as made:
        yield made
