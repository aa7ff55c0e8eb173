"""POST /v1/events, /v1/texts, PUT and DELETE /v1/profiles/...: the way in.

An answer below 300 means that the broker has acknowledged every record; 503 means that
the same request should be sent again, which is safe because ids repeat.
"""

from collections.abc import Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schemas.records import Behavior, Profile, Record, Text
from streams.ad_server.collector import MAX_BODY_BYTES, Door, InvalidRequestError
from streams.ad_server.metrics import AdServerMetrics
from streams.ad_server.outbox import Outbox, OutboxRecord
from streams.errors import UnavailableError
from streams.kafka.wire import Wire

_TOO_LONG = 413
_RETRY_AFTER_S = "2"

_Reader = Callable[[bytes, int], Sequence[Behavior | Text | Profile]]
"""Body and now, epoch ms -> records; raises InvalidRequestError."""


class DoorRoutes:
    """The routes that producers call.

    Args:
        door: checks and pseudonymises.
        outbox: where records go.
        wire: topic names and codecs.
        forget: called with the pseudonym of an erased person.
        metrics: what is counted.
        clock: returns now in epoch milliseconds.
    """

    def __init__(
        self,
        door: Door,
        outbox: Outbox,
        wire: Wire,
        forget: Callable[[str], None],
        metrics: AdServerMetrics,
        clock: Callable[[], int],
    ) -> None:
        self._door = door
        self._outbox = outbox
        self._wire = wire
        self._forget = forget
        self._metrics = metrics
        self._clock = clock

    async def events(self, request: Request) -> Response:
        """Take a list of behaviour events."""
        return await self._taken(request, self._door.behaviors)

    async def texts(self, request: Request) -> Response:
        """Take a list of texts."""
        return await self._taken(request, self._door.texts)

    async def profile(self, request: Request) -> Response:
        """Set a person's profile, or erase the person."""
        user = request.path_params["user"]
        if request.method == "DELETE":
            return await self._erase(user)
        return await self._taken(
            request, lambda body, now: [self._door.profile(user, body, now)]
        )

    async def _taken(self, request: Request, read: _Reader) -> Response:
        body = await _body(request)
        if body is None:
            return self._too_long()
        try:
            records = read(body, self._clock())
        except InvalidRequestError as error:
            return self._refused(error)
        return await self._stored(
            [self._message(type(one), one.user_id, one) for one in records]
        )

    async def _erase(self, user: str) -> Response:
        try:
            user_id = self._door.pseudonym(user)
        except InvalidRequestError as error:
            return self._refused(error)
        self._forget(user_id)
        return await self._stored([self._message(Profile, user_id, None)])

    def _message(
        self, kind: type[Record], key: str, record: Record | None
    ) -> OutboxRecord:
        topic = self._wire.name(self._wire.topic_of(kind))
        value = None if record is None else self._wire.codec(kind).encode(record)
        return OutboxRecord(topic, key, value)

    async def _stored(self, messages: Iterable[OutboxRecord]) -> Response:
        messages = list(messages)
        try:
            await self._outbox.deliver(messages)
        except UnavailableError as error:
            answer = {"errors": [{"at": "broker", "problem": str(error)}]}
            return JSONResponse(answer, 503, headers={"retry-after": _RETRY_AFTER_S})
        return JSONResponse({"accepted": len(messages)}, 202)

    def _refused(self, error: InvalidRequestError) -> Response:
        self._metrics.refused.inc()
        answer = {"errors": error.problems, "n_errors": error.n_problems}
        return JSONResponse(answer, 400)

    def _too_long(self) -> Response:
        self._metrics.refused.inc()
        problem = f"expected at most {MAX_BODY_BYTES} bytes; send smaller batches"
        return JSONResponse({"errors": [{"at": "body", "problem": problem}]}, _TOO_LONG)


async def _body(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is longer than allowed."""
    parts: list[bytes] = []
    n_bytes = 0
    async for part in request.stream():
        n_bytes += len(part)
        if n_bytes > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
