"""The servers that the other tests stand on."""

from __future__ import annotations

import psycopg
import pytest

from tests.servers import PostgresServer


def test_each_test_gets_a_database_of_its_own(empty_postgres_url: str) -> None:
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


@pytest.mark.parametrize("stop", ["stop", "stop_immediate"])
def test_a_restarted_postgres_keeps_its_port_and_what_was_committed(own_postgres: PostgresServer, stop: str) -> None:
    url = own_postgres.create_database("kept")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")

    getattr(own_postgres, stop)()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    own_postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_wheels_programs_run_from_a_copy_that_an_unprivileged_user_can_read() -> None:
    with PostgresServer(installed=()) as server, psycopg.connect(server.url("postgres")) as connection:
        assert str(connection.execute("SHOW server_version").fetchone()).startswith("('18.")
