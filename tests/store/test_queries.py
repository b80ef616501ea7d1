"""What a rack asks often must stay flat however long its history is: every table is looked up in an index."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from sternway.core.app import App
from sternway.store import (
    apps,
    builds,
    connection,
    deployments,
    dialect,
    events,
    logins,
    parameters,
    promotions,
    releases,
    schema,
    sign_ins,
    tables,
    tokens,
    users,
)
from tests.store import samples
from tests.store.samples import AT, made

WEB = App(1, "web", made())
QUERIES = {
    "app by name": apps._named().params(name="web"),
    "build by id": builds._one().params(app_id=1, id="B"),
    "builds of an app": builds._newest_first().params(app_id=1, most=10),
    "artifacts of builds": builds._artifacts().params(app_id=1, ids=["B", "C"]),
    "deployment of a build": deployments._of_build().params(build_id="B"),
    "parameters of the rack": parameters._newest(),
    "login at a registry": logins._newest_of().params(server="registry.example"),
    "user by name": users._newest_of().params(name="ada"),
    "token by id": tokens._newest_of().params(token_id="0"),
    "signing key": tokens._newest_key(),
    "browser by secret": sign_ins._newest_of().params(secret="0"),
    "end of all browsers of a user": sign_ins._newest_end().params(name="ada"),
    "release by id": releases._one().params(app_id=1, id="R"),
    "newest release": releases._newest().params(app_id=1),
    "releases of an app": releases._lines().params(app_id=1, most=10),
    "releases of a content": releases._same().params(app_id=1, content="0", id="R"),
    "promotion by id": promotions._one_of_app().params(app_id=1, id=1),
    "latest promotion": promotions._newest_first().params(app_id=1, most=1),
    "promotions of an app": promotions._newest_first().params(app_id=1, most=10),
    "active release": promotions._activations().params(app_id=1, most=1),
    "stands of an app": promotions._stands().params(app_id=1),
    "standing of an app": apps._newest_standing().params(app_id=1),
    "settings of an app": apps._all_settings().params(app_id=1),
    "last deleted app": apps._last_deleted().params(name="web"),
    "app that is being restored": apps._restoring().params(name="web"),
    "steps of an app": promotions._steps(WEB).where(tables.promotion_steps.c.at > AT),
    "steps of a promotion": promotions._steps(WEB).where(tables.promotion_steps.c.promotion_id == 1),
    "end of a chain": events._newest_first().params(chain="rack", most=1),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_frequent_query_visits_what_it_returns_and_nothing_else(migrated, name):
    sql = str(QUERIES[name].compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    with schema.begin(dialect.url_of(migrated)) as raw:
        plan = [row.detail for row in raw.execute(sa.text(f"EXPLAIN QUERY PLAN {sql}"))]
    assert not [step for step in plan if step.startswith(("SCAN", "USE TEMP B-TREE"))], plan


async def test_a_list_of_ten_reads_ten_rows_of_ten_thousand(store):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
    async with connection.transaction(store._open().writer) as transaction:
        rows = [_row(app, number) for number in range(10_000)]
        await transaction.connection.execute(tables.releases.insert(), rows)
    async with connection.transaction(store._open().reader) as transaction:
        driver = (await transaction.connection.get_raw_connection()).driver_connection
        steps = await _steps_of(driver, transaction, releases._lines().params(app_id=app.id, most=10))
    assert 0 < steps < 1000


async def _steps_of(driver, transaction, query):
    """Count what SQLite's machine does for a query, in steps of 10."""
    counted: list[int] = []
    driver.sqlite.set_progress_handler(lambda: counted.append(1), 10)
    assert len(await transaction.rows(query)) == 10
    driver.sqlite.set_progress_handler(None, 10)
    return len(counted) * 10


def _row(app, number):
    release = samples.release(app)
    return {
        "id": release.id,
        "app_id": app.id,
        "env": b"",
        "content": "",
        "manifest": "",
        "description": f"{number}",
        "is_rollback": False,
        "made_at": AT,
        "made_by": "ada",
        "made_reason": "",
    }
