"""Resident memory of a worker that holds 5 million users at 64 categories.

What a user costs is the slope between a fifth of them and all of them, after as many
events; the rest is a fixed cost: the interpreter, the duplicate window, buffers of
fetches and checkpoints. (At an event a user, the window would be fuller at more users,
and its bytes would seem to be theirs.)
"""

from collections.abc import Iterator

from benchmarks.dataset.events import Spec
from benchmarks.figures import Row, at_most, row
from benchmarks.measures.ours import run_ours
from benchmarks.session import Session

BYTES_A_USER = at_most(400)
GIGABYTES = at_most(3)


def memory(session: Session) -> Iterator[Row]:
    """Deal as many events to a fifth of the users, in turn, then to all of them."""
    all_users = session.options.scaled(5_000_000)
    sizes = (all_users // 5, all_users)
    few, many = (_resident(session, all_users, n_users) for n_users in sizes)
    a_user = (many - few) / (sizes[1] - sizes[0])
    fixed = few - a_user * sizes[0]
    yield row(f"memory, {all_users:,} users", "GB", [many / 1e9], GIGABYTES)
    yield row("memory a user", "bytes", [a_user], BYTES_A_USER)
    yield row("memory, fixed cost", "MB", [fixed / 1e6])


def _resident(session: Session, n_events: int, n_users: int) -> int:
    """Return the resident bytes of a worker that has folded and written them all."""
    spec = Spec(n_events=n_events, n_users=n_users, users="each", duplicates=0)
    with session.round(spec) as loaded:
        return run_ours(session, loaded).resident
