"""The whole system on one machine: broker, ClickHouse, stages, delivery, learning.

With `KAFKA_BOOTSTRAP_SERVERS` or `CLICKHOUSE_URL` set, those servers are used instead
of the local broker or the ClickHouse engine in process; everything else is the same.
Local data lives as long as the stack: the broker keeps its topics in memory, and a
ClickHouse that outlived its offsets would be wrong.
"""

import shutil
from pathlib import Path
from threading import Event
from typing import Self

from streams import stages
from streams.kafka.connection import checked_connection
from streams.kafka.topic_admin import create_topics
from streams.local.broker import LocalBroker
from streams.local.lock_file import LockFile
from streams.local.ports import free_port
from streams.local.supervisor import Child, Supervisor
from streams.settings import Settings

READY_S = 120.0
LOCAL_SESSION_S = 6.0
"""The local broker waits half a session for a group to gather: keep it short."""


class LocalStack:
    """All processes of Adloom on this machine; a context manager.

    Args:
        settings: settings; empty server addresses mean local ones.
        folder: where this stack's data and logs live; emptied at the start.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._lock = LockFile(folder.with_suffix(".lock"))
        self._broker: LocalBroker | None = None
        self._local_kafka = not settings.kafka_bootstrap_servers
        self._settings = settings
        self.settings = settings
        self.supervisor: Supervisor | None = None
        self.ad_server_port = 0
        self.clickhouse_port = 0
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._lock.acquire()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ad_server_url(self) -> str:
        """Address of the ad server."""
        return f"http://{self._settings.local.host}:{self.ad_server_port}"

    @property
    def clickhouse_url(self) -> str:
        """Address that answers ClickHouse's HTTP interface."""
        if self._settings.clickhouse_url:
            return self._settings.clickhouse_url
        return f"http://{self._settings.local.host}:{self.clickhouse_port}"

    def wait_ready(self, ended: Event | None = None) -> None:
        """Return once every process does its work, or `ended` is set."""
        if self.supervisor is not None:
            self.supervisor.wait_ready(READY_S, ended or Event())

    def watch(self) -> None:
        """Start again what has died; see `Supervisor.watch`."""
        if self.supervisor is not None:
            self.supervisor.watch()

    def stop(self) -> None:
        """Stop everything that was started; does nothing twice."""
        if self.supervisor is not None:
            self.supervisor.stop()
            self.supervisor = None
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        self._lock.release()

    def _start(self) -> None:
        local = self._settings.local
        logs = self._folder / "logs"
        shutil.rmtree(self._folder, ignore_errors=True)
        logs.mkdir(parents=True)
        self.ad_server_port = free_port(local.host, local.ad_server_port)
        self.clickhouse_port = free_port(local.host, local.clickhouse_port)
        self.settings = self._with_broker(logs)
        connection = checked_connection(self.settings)
        create_topics(
            connection,
            self.settings.kafka,
            stages.changelogs(self.settings),
        )
        self.supervisor = Supervisor(logs, self._environment(connection.bootstrap))
        for child in self._children():
            self.ports[child.name] = child.health_port
            self.supervisor.start(child)

    def _with_broker(self, logs: Path) -> Settings:
        if not self._local_kafka:
            return self._settings
        self._broker = LocalBroker(logs / "broker.log").start()
        return self._settings.model_copy(
            update={"kafka_bootstrap_servers": self._broker.bootstrap}
        )

    def _environment(self, bootstrap: str) -> dict[str, str]:
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "ADLOOM_LOCAL__FOLDER": str(self._folder.absolute()),
            "ADLOOM_LOCAL__AD_SERVER_PORT": str(self.ad_server_port),
            "ADLOOM_LOCAL__CLICKHOUSE_PORT": str(self.clickhouse_port),
        }
        if self._local_kafka:
            environment["ADLOOM_KAFKA__SESSION_TIMEOUT_S"] = str(LOCAL_SESSION_S)
        return environment

    def _children(self) -> list[Child]:
        host = self._settings.local.host
        workers = [
            Child(stage, ("worker", stage), free_port(host)) for stage in stages.names()
        ]
        return [
            Child("sink", ("sink",), free_port(host)),
            Child("trainer", ("trainer",), free_port(host)),
            Child("learner", ("learner",), free_port(host)),
            *workers,
            Child("deliver", ("deliver",), self.ad_server_port),
        ]
