"""The wire profile over a real socket, and everything that goes wrong on it."""

import base64
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from contracts.loader import all_datasets, dataset
from sandbox.faults import LEVELS, spoil
from sandbox.server import create_app, serving
from sandbox.world import World, advance, world_at


@contextmanager
def connect(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=10) as client:
        client.headers["Authorization"] = f"Bearer {new_token(client)}"
        yield client


def new_token(client: httpx.Client) -> str:
    form = {"grant_type": "client_credentials", "client_id": "doichieu", "client_secret": "sandbox"}
    return str(client.post("/oauth/token", data=form, headers={"Authorization": ""}).json()["access_token"])


def walk(client: httpx.Client, name: str, **query: Any) -> tuple[list[dict[str, Any]], int]:
    """Every record of a dataset, and the announced total."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = client.get("/" + name.replace(".", "/"), params=query)
        answer.raise_for_status()
        body = answer.json()
        rows += body["data"]
        if body["next_cursor"] is None:
            return rows, body["total"]
        query["cursor"] = body["next_cursor"]


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[httpx.Client]:
    with serving(world, left_out=["tax.revenue"]) as base_url, connect(base_url) as client:
        yield client


@pytest.mark.parametrize("name", [found.full_name for found in all_datasets() if found.full_name != "tax.revenue"])
def test_a_walk_brings_every_record_once_in_order(world: World, client: httpx.Client, name: str) -> None:
    rows, total = walk(client, name, limit=2000)
    broken = sum(found.dataset == name for found in world.broken)
    assert len(rows) == total == world.tables[name].num_rows + broken
    keys = [tuple(row[key] for key in dataset(*name.split(".")).key) for row in rows]
    assert len(set(keys)) == len(keys)
    times = [row["updated_at"] for row in rows if "updated_at" in row]
    assert times == sorted(times) or broken


def test_updated_since_is_inclusive_and_total_counts_the_query(world: World, client: httpx.Client) -> None:
    times: list[datetime] = [row["updated_at"] for row in world.tables["insurance.payment"].to_pylist()]
    since = times[len(times) * 3 // 4]
    rows, total = walk(client, "insurance.payment", updated_since=since.isoformat(), limit=300)
    assert len(rows) == total == sum(moment >= since for moment in times)
    unescaped = f"/insurance/payment?limit=1&updated_since={since.isoformat()}"
    assert client.get(unescaped).json()["total"] == total


def test_values_arrive_as_the_contract_writes_them(world: World, client: httpx.Client) -> None:
    visit = client.get("/health/visit", params={"limit": 1}).json()["data"][0]
    assert (visit["admitted_at"][-6:], visit["deleted"]) == ("+07:00", None)
    assert isinstance(visit["total_vnd"], int)
    target = client.get("/reference/target").json()["data"]
    assert {row["percent"] for row in target if row["indicator"] == "voluntary"} >= {0.4, 3}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tax/revenue", 404),
        ("/tax/nothing", 404),
        ("/nowhere/payroll", 404),
        ("/tax/payroll?limit=0", 400),
        ("/tax/payroll?limit=many", 400),
        ("/tax/payroll?updated_since=yesterday", 400),
        ("/tax/payroll?cursor=abc", 400),
        ("/tax/payroll?cursor=" + base64.urlsafe_b64encode(b'["other","tax.payroll",5]').decode(), 400),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_is_five_hundred_unless_asked_and_never_more_than_five_thousand(client: httpx.Client) -> None:
    sizes = [len(client.get(f"/insurance/charge{query}").json()["data"]) for query in ("", "?limit=7", "?limit=90000")]
    assert sizes == [500, 7, 5000]


def test_pages_are_compressed_when_the_client_can_read_it(client: httpx.Client) -> None:
    zipped = client.get("/tax/payroll")
    plain = client.get("/tax/payroll", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()


@pytest.mark.parametrize(
    ("headers", "form", "status"),
    [
        ({}, {"client_id": "doichieu", "client_secret": "sandbox"}, 200),
        ({"Authorization": "Basic " + base64.b64encode(b"doichieu:sandbox").decode()}, {}, 200),
        ({"Authorization": "Basic " + base64.b64encode(b"doichieu:wrong").decode()}, {}, 401),
        ({"Authorization": "Basic ***"}, {}, 401),
        ({}, {"client_id": "doichieu", "client_secret": "wrong"}, 401),
        ({}, {}, 401),
        ({}, {"grant_type": "password"}, 400),
    ],
)
def test_tokens_are_given_for_the_right_secret_only(
    client: httpx.Client, headers: dict[str, str], form: dict[str, str], status: int
) -> None:
    with httpx.Client(base_url=client.base_url) as stranger:
        data = {"grant_type": "client_credentials"} | form
        assert stranger.post("/oauth/token", data=data, headers=headers).status_code == status


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic ZG9pY2hpZXU6c2FuZGJveA=="])
def test_nothing_is_told_without_a_token(client: httpx.Client, token: str) -> None:
    answer = client.get("/tax/payroll", headers={"Authorization": token})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_expires_during_a_harsh_pull(world: World) -> None:
    now = [100.0]
    with serving(world, faults="harsh", malformed=0.0, clock=lambda: now[0]) as base_url, connect(base_url) as client:
        assert client.get("/tax/withholding").status_code != 401
        now[0] += LEVELS["harsh"].token_seconds + 1
        assert client.get("/tax/withholding").status_code == 401


def test_a_cursor_of_another_day_is_refused(world: World) -> None:
    with serving(world) as first, connect(first) as client:
        cursor = client.get("/tax/payroll", params={"limit": 5}).json()["next_cursor"]
    with serving(advance(world, 3)) as second, connect(second) as client:
        assert client.get("/tax/payroll", params={"cursor": cursor}).status_code == 400


def test_a_second_delivery_brings_only_what_changed(world: World) -> None:
    yesterday = world_at(world, world.moment)
    with serving(advance(yesterday, 5)) as base_url, connect(base_url) as client:
        rows, _ = walk(client, "insurance.participation", updated_since=world.moment.isoformat())
        payments, _ = walk(client, "insurance.payment", updated_since=world.moment.isoformat())
    assert len(rows) < 20
    assert 0 < len(payments) < world.tables["insurance.payment"].num_rows // 10


def test_malformed_records_are_delivered_as_the_truth_names_them(world: World) -> None:
    with serving(world, malformed=0.01, seed=4) as base_url, connect(base_url) as client:
        rows, total = walk(client, "labour.workforce", limit=3000)
    named = [
        row for row in spoil(world, 0.01, 4).truth["malformed"].to_pylist() if row["dataset"] == "labour.workforce"
    ]
    assert len(rows) == total == world.tables["labour.workforce"].num_rows + len(named)
    told = Counter(row.get("line_id") for row in rows)
    assert all(told[row["record_key"]] >= 1 for row in named)


def test_a_patient_client_gets_everything_through_harsh_faults(world: World) -> None:
    seen: Counter[str] = Counter()
    rows: dict[str, Any] = {}
    with serving(world, faults="harsh", seed=2, malformed=0.0) as base_url, connect(base_url) as client:
        cursor, total, places = "", -1, set()
        while cursor is not None:
            body = patient(client, {"limit": "25", "cursor": cursor}, seen)
            total = body["total"]
            seen["doubled"] += sum(row["return_id"] in rows for row in body["data"])
            rows |= {row["return_id"]: row for row in body["data"]}
            cursor = body["next_cursor"]
            assert cursor not in places
            places.add(cursor)
            if len(places) > 120:
                break
    assert len(rows) >= 2900 or len(rows) == total
    assert {"429", "503", "truncated", "reset", "doubled"} <= {kind for kind, count in seen.items() if count}


def patient(client: httpx.Client, query: dict[str, str], seen: Counter[str]) -> dict[str, Any]:
    """Ask until a whole page comes, counting what went wrong; waits are cut short."""
    for _ in range(12):
        try:
            answer = client.get("/tax/withholding", params=query)
        except httpx.TransportError:
            seen["reset"] += 1
            continue
        if answer.status_code == 401:
            seen["401"] += 1
            client.headers["Authorization"] = f"Bearer {new_token(client)}"
        elif answer.status_code != 200:
            seen[str(answer.status_code)] += 1
            assert answer.headers["retry-after"] == "1"
        else:
            try:
                return dict(json.loads(answer.text))
            except ValueError:
                seen["truncated"] += 1
    raise AssertionError(f"no page in twelve tries: {seen}")


def test_a_busy_port_is_an_error_and_a_closed_server_is_gone(world: World) -> None:
    with serving(world) as base_url:
        port = int(base_url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"), serving(world, port=port):
            pass
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                break
    else:
        raise AssertionError("the port is still open")


def test_the_application_can_be_made_without_a_server(world: World) -> None:
    paths = {getattr(route, "path", "") for route in create_app(world).routes}
    assert paths == {"/oauth/token", "/{registry}/{dataset}"}
