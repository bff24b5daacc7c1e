"""How Cassandra is spoken to: one connection for each address and process, two tables, and errors in words.

    surfaces    surface -> all that is known of its generations, and where the live one's slates are
    slates      (writing, bucket), user -> slate; a writing is new each time, so that nothing is overwritten

A surface is one row, so that every change of it is one compare-and-set. Slates are packed already: the table is not.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from crossfade.schema.errors import CrossfadeError, MissingExtraError, NotFoundError
from crossfade.store.credentials import with_credentials, without_credentials

try:
    import cassandra
    from cassandra import cluster, policies
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.connection import ConnectionException
    from cassandra.query import tuple_factory
except ImportError as error:
    raise MissingExtraError("cassandra-driver", "cassandra") from error

SCHEME: Final = "cassandra"
PORT: Final = 9042
CONNECT_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.5  # between tries to reach a server that is away
AT_ONCE: Final = 200  # requests under way together
TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS surfaces (surface text PRIMARY KEY, state text, live text)",
    "CREATE TABLE IF NOT EXISTS slates (writing text, bucket int, user_id blob, slate blob, "
    "PRIMARY KEY ((writing, bucket), user_id)) WITH compression = {'enabled': false}",
)

Command = tuple[str, Sequence[object]]
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Address:
    """Where a keyspace is; its password is never shown."""

    hosts: tuple[str, ...]
    port: int
    keyspace: str
    user: str
    password: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read cassandra://[USER:PASSWORD@]HOST[,HOST...][:PORT]/KEYSPACE; the environment may tell who we are instead.

        Raises:
            NotFoundError: It is none.
        """
        try:
            parts = urlsplit(with_credentials(url))
            hosts, port = tuple(filter(None, (parts.hostname or "").split(","))), parts.port or PORT
        except ValueError as error:
            raise NotFoundError(
                f"{without_credentials(url)!r} is not the address of a Cassandra: {error}."
            ) from error
        keyspace = parts.path.strip("/")
        if parts.scheme != SCHEME or not hosts or not keyspace.isidentifier():
            raise NotFoundError(
                f"{without_credentials(url)!r} is not the address of a Cassandra: it must be "
                "cassandra://HOST:PORT/KEYSPACE, with hosts separated by commas."
            )
        return cls(hosts, port, keyspace, unquote(parts.username or ""), unquote(parts.password or ""))

    @property
    def place(self) -> str:
        """The address as it may be shown."""
        return f"{SCHEME}://{','.join(self.hosts)}:{self.port}/{self.keyspace}"


class Connection:
    """The session of an address, made in a thread of its own, so that nobody waits for it longer than they can.

    Args:
        address: Of the keyspace, which has to be there: how often it is copied is not ours to choose.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool, self._lock = ThreadPoolExecutor(1, SCHEME), threading.Lock()
        self._session: Future[Any] | None = None
        self._prepared: dict[str, Any] = {}

    def session(self, seconds: float) -> Any:
        """Return the session; one that could not be made is tried again.

        Raises:
            TimeoutError: It is not there yet.
        """
        with self._lock:
            if self._session is None or (self._session.done() and self._session.exception()):
                self._session = self._pool.submit(self._connected)
            session = self._session
        return session.result(seconds)

    def has_tables(self, seconds: float) -> bool:
        """Return whether somebody has written here; the driver hears of new tables by itself."""
        keyspace = self.session(seconds).cluster.metadata.keyspaces.get(self._address.keyspace)
        return keyspace is not None and "surfaces" in keyspace.tables

    def make_tables(self, seconds: float) -> None:
        """Make the tables where they are not there."""
        for table in TABLES:
            self.session(seconds).execute(table, timeout=seconds)

    def prepared(self, text: str, seconds: float) -> Any:
        """Return a statement that the servers know already."""
        if text not in self._prepared:
            self._prepared[text] = self.session(seconds).prepare(text)
        return self._prepared[text]

    def _connected(self) -> Any:
        profile = cluster.ExecutionProfile(
            load_balancing_policy=policies.TokenAwarePolicy(policies.DCAwareRoundRobinPolicy()),
            consistency_level=cassandra.ConsistencyLevel.LOCAL_QUORUM,
            row_factory=tuple_factory,
        )
        user, password = self._address.user, self._address.password
        found = cluster.Cluster(
            list(self._address.hosts),
            self._address.port,
            auth_provider=PlainTextAuthProvider(user, password) if user or password else None,
            execution_profiles={cluster.EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=policies.ConstantReconnectionPolicy(RETRY_SECONDS, None),
            connect_timeout=CONNECT_SECONDS,
            protocol_version=cassandra.ProtocolVersion.V5,
        )
        try:
            return found.connect(self._address.keyspace)
        except BaseException:
            found.shutdown()
            raise


@dataclass(frozen=True)
class Link:
    """A connection as one store uses it.

    Args:
        connection: Shared by all stores of this process at this address.
        place: Where it leads, without a password.
        seconds: Longest wait for each request.
    """

    connection: Connection
    place: str
    seconds: float

    @classmethod
    def of(cls, url: str, timeout_ms: int) -> Self:
        """Make a link; nothing is sent yet.

        Raises:
            NotFoundError: The URL is not the address of a Cassandra.
        """
        address = Address.of(url)
        return cls(_connection(address), address.place, timeout_ms / 1000)

    def all(self, commands: Sequence[Command]) -> list[Rows]:
        """Send requests, a few hundred at a time; return the rows of each, in order.

        Raises:
            CrossfadeError: Cassandra does not answer or refuses.
        """
        answers: list[Rows] = []
        with self.speaking():
            session = self.connection.session(self.seconds)
            for start in range(0, len(commands), AT_ONCE):
                sent = [
                    session.execute_async(
                        self.connection.prepared(text, self.seconds), values, timeout=self.seconds
                    )
                    for text, values in commands[start : start + AT_ONCE]
                ]
                answers += [list(each.result()) for each in sent]
        return answers

    def has_tables(self) -> bool:
        """Return whether somebody has written here.

        Raises:
            CrossfadeError: Cassandra does not answer or refuses.
        """
        with self.speaking():
            return self.connection.has_tables(self.seconds)

    def make_tables(self) -> None:
        """Make the tables where they are not there.

        Raises:
            CrossfadeError: Cassandra does not answer or refuses.
        """
        with self.speaking():
            if not self.connection.has_tables(self.seconds):
                self.connection.make_tables(self.seconds)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn Cassandra's errors in the block into ours.

        Raises:
            CrossfadeError: It does not answer or refuses.
        """
        try:
            yield
        except (
            cassandra.DriverException,
            cluster.NoHostAvailable,
            ConnectionException,
            TimeoutError,
        ) as error:
            told = str(error) or f"no answer in {self.seconds:g} s"
            raise CrossfadeError(
                f"Cassandra at {self.place} does not answer or refuses: {told}. What was live still is."
            ) from error


@cache
def _connection(address: Address) -> Connection:
    return Connection(address)
