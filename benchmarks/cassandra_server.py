"""A real Cassandra on loopback, from its Maven artefacts, for benchmarks and tests of what keeps things there."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from cassandra.query import tuple_factory

from benchmarks.maven import fetched
from serving.ports import free_ports

VERSION: Final = "5.0.6"
LOOPBACK: Final = "127.0.0.1"
KEYSPACE: Final = "crossfade"
START_SECONDS: Final = 120
HEAP: Final = (
    "-Xms256m", "-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
    "-Djdk.attach.allowAttachSelf=true",
)  # fmt: skip
# As conf/jvm17-server.options of the distribution has them.
EXPORTED: Final = (
    "java.base/jdk.internal.misc", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql", "java.base/java.lang.ref",
    "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "jdk.unsupported/sun.misc",
)  # fmt: skip
OPENED: Final = (
    "java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal", "java.base/sun.nio.ch",
    "java.base/java.io", "java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.util",
    "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic", "java.base/java.nio",
)  # fmt: skip
CONFIG: Final = """cluster_name: crossfade
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
num_tokens: 1
auto_bootstrap: false
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage}"}}]
commitlog_sync: periodic
commitlog_sync_period: 10000ms
commitlog_segment_size: 4MiB
data_file_directories: [{directory}/data]
commitlog_directory: {directory}/commitlog
saved_caches_directory: {directory}/caches
hints_directory: {directory}/hints
cdc_raw_directory: {directory}/cdc
auto_snapshot: false
concurrent_reads: 4
concurrent_writes: 4
memtable_heap_space: 32MiB
memtable_offheap_space: 32MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
"""
LOGGING: Final = """<configuration>
<appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%-5level %msg%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="STDOUT"/></root></configuration>
"""


@dataclass(frozen=True)
class CassandraServer:
    """A running server with an empty keyspace.

    Args:
        port: Where it listens.
        session: Of the driver.
    """

    port: int
    session: Any

    @property
    def url(self) -> str:
        """Address of the keyspace."""
        return f"cassandra://{LOOPBACK}:{self.port}/{KEYSPACE}"

    def emptied(self) -> str:
        """Forget every surface, so that nothing names a slate, and return the address."""
        # Asked of the server: the driver hears of tables that others make a moment later.
        tables = f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{KEYSPACE}'"
        if ("surfaces",) in list(self.session.execute(tables)):
            for (surface,) in list(self.session.execute(f"SELECT surface FROM {KEYSPACE}.surfaces")):
                self.session.execute(
                    f"DELETE FROM {KEYSPACE}.surfaces WHERE surface = %s IF EXISTS", (surface,)
                )
        return self.url


def artefacts() -> tuple[Path | None, str]:
    """Return the directory of Cassandra's jars, fetched once through Maven as it is set up; else None and why."""
    return fetched("org.apache.cassandra", "cassandra-all", VERSION)


@contextmanager
def running(jars: Path, directory: Path) -> Iterator[CassandraServer]:
    """Run a server for the block; the directory keeps its data."""
    port, storage = free_ports(LOOPBACK, 2)
    with listening(jars, directory, port, storage):
        made_keyspace(port)
        with connected(port) as session:
            yield CassandraServer(port, session)


def made_keyspace(port: int) -> None:
    """Make the keyspace."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    with connected(port) as session:
        session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")


@contextmanager
def connected(port: int) -> Iterator[Any]:
    """Yield a session of the driver, patient with a server that has just been started."""
    profile = ExecutionProfile(RoundRobinPolicy(), row_factory=tuple_factory, request_timeout=60)
    cluster = Cluster(
        [LOOPBACK], port, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, protocol_version=5
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@contextmanager
def listening(jars: Path, directory: Path, port: int, storage: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server for the block once it listens, with whatever data the directory has; errors as in `_wait_for`."""
    config, logging = directory / "cassandra.yaml", directory / "logback.xml"
    config.write_text(CONFIG.format(port=port, storage=storage, directory=directory), "utf-8")
    logging.write_text(LOGGING, "utf-8")
    chosen = {
        "cassandra.config": config.as_uri(),
        "cassandra.storagedir": str(directory),
        "cassandra.skip_wait_for_gossip_to_settle": "0",
        "cassandra.ring_delay_ms": "1",
        "cassandra.superuser_setup_delay_ms": "-1",
        "logback.configurationFile": str(logging),
    }
    command = [
        "java",
        *HEAP,
        *(f"--add-exports={name}=ALL-UNNAMED" for name in EXPORTED),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in OPENED),
        *(f"-D{key}={value}" for key, value in chosen.items()),
        "-cp",
        f"{jars}/*",
        "org.apache.cassandra.service.CassandraDaemon",
    ]
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"Cassandra does not listen on port {port}; its exit code: {process.poll()}")
