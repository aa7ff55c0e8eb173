"""What becomes of an impression: records in, records out, one event at a time.

The impressions of one partition within their windows. `kernel.pyx` does the same for
the volume, and the tests hold the two equal: this is the definition, and the table
itself where there is no compiler. Impressions that nobody reacted to are dealt with
here: sent as a `none` when their window closes, forgotten when the correction window is
over. Whatever has reactions is left to the listener.

An impression is decided when it has settled by the wall clock, or at the end of its
click window in event time unless its creative is still to come; once settled, it is
over at the end of what it is kept for on either clock.
"""

from collections import defaultdict
from typing import Protocol

import numpy as np

from schemas.records import Behavior, Feedback
from streams.columns.encoded import Ints
from streams.engine.alarms import Alarms
from streams.engine.stage import Outgoing, Output
from streams.stages.attribution.impression import (
    NO_SURFACE,
    Impression,
    packed_together,
    unpacked,
)
from streams.stages.attribution.outcome import FALLBACK, Judgement, feedback_of
from streams.stages.attribution.state import SURFACES, KnownCreative, Reaction, Shown
from streams.stages.attribution.traffic import is_robot

_ALL = 0
"""The alarms are of one partition."""


class Listener(Protocol):
    """Who knows the reactions."""

    def on_reaction(
        self, impression_id: str | None, event_id: str, reaction: Reaction
    ) -> None:
        """Take a reaction; only `fold` of the kernel tells of one."""

    def on_shown(self, key: str) -> None:
        """Take note that the impression came to which reactions are waiting."""

    def on_due(self, key: str) -> None:
        """Decide on an impression with reactions, if it is due."""

    def on_end(self, key: str) -> None:
        """Forget the reactions to an impression."""


class Impressions:
    """One partition's impressions.

    Args:
        click_ms: click window, also the settling time.
        kept_ms: how long an impression may still be corrected, and a click window.
    """

    def __init__(self, click_ms: int, kept_ms: int) -> None:
        self.newest = 0
        """Newest event time."""
        self.ticked_at = self.ticked_newest = 0
        self._click_ms, self._kept_ms = click_ms, kept_ms
        self._settle_ms = max(1, click_ms)
        self._shown: dict[str, Impression] = {}
        self._reacted: set[str] = set()
        """Impressions with reactions, come or to come."""
        self._known: dict[str, KnownCreative] = {}
        self._shown_of: defaultdict[str, dict[str, None]] = defaultdict(dict)
        """Creative id -> its impressions."""
        self._wall, self._event = Alarms(), Alarms()
        self._dirty: dict[str, Impression] = {}
        self._released: list[int] = []
        self._out: list[Output] = []

    def __len__(self) -> int:
        return len(self._shown)

    # -- events ---------------------------------------------------------------------

    def see(self, at: int) -> None:
        """Move event time on; an older event moves nothing."""
        self.newest = max(self.newest, at)

    def show(self, event: Behavior, now: int, listener: Listener) -> bool:
        """Take an impression; return whether it is new."""
        key = event.impression_id or event.event_id
        if key in self._shown:
            return False
        surface = NO_SURFACE if event.surface is None else SURFACES.index(event.surface)
        one = Impression(
            key=key,
            user=event.user_id,
            at=event.occurred_at,
            creative=event.creative_id,
            placement=event.placement,
            surface=surface,
            category=event.category,
            item=event.item,
            robot=is_robot(event.user_agent),
            arrived_at=now,
        )
        self._add(one)
        self._dirty[key] = one
        if key in self._reacted:
            listener.on_shown(key)
        elif self._is_closed(one, now) and not self._waits(one):
            self._send_none(one)
        return True

    # -- reactions: what the listener asks ------------------------------------------

    def find(self, key: str) -> Shown | None:
        """Return what decides about an impression, or None when it has not come."""
        one = self._shown.get(key)
        if one is None:
            return None
        waits = self._waits(one)
        return Shown(one.user, one.at, one.robot, one.sent, waits, one.arrived_at)

    def react(self, key: str) -> None:
        """Leave an impression, come or to come, to the listener from now on."""
        self._reacted.add(key)

    def unreact(self, key: str) -> None:
        """Take back what `react` said."""
        self._reacted.discard(key)

    def send(self, key: str, judgement: Judgement) -> None:
        """Write the feedback of an impression."""
        one = self._shown[key]
        creative = None if one.creative is None else self._known.get(one.creative)
        if not one.sent:
            one.sent, one.organic = True, creative is None
            self._dirty[key] = one
        if one.organic:
            creative = None
        feedback = feedback_of(one, judgement, creative)
        self._out.append(Outgoing(Feedback, one.user, feedback))

    def take_out(self) -> list[Output]:
        """Return the feedback written since the last call."""
        out, self._out = self._out, []
        return out

    # -- time -----------------------------------------------------------------------

    def tick(self, now: int, listener: Listener) -> None:
        """Look at the impressions whose time has come."""
        self.ticked_at, self.ticked_newest = now, self.newest
        for key in self._wall.ring(_ALL, now):
            self._look(key, now, listener)
        for key in self._event.ring(_ALL, min(self.newest, now)):
            self._look(key, now, listener)

    def _look(self, key: str, now: int, listener: Listener) -> None:
        one = self._shown.get(key)
        if one is None:
            return
        is_settled = now >= one.arrived_at + self._settle_ms
        is_due = is_settled or (self._is_closed(one, now) and not self._waits(one))
        if is_due and not one.sent:
            self._decide(one, listener)
        if self._is_over(one, now, self.newest):
            self._remove(one)
            if key in self._reacted:
                listener.on_end(key)

    def _decide(self, one: Impression, listener: Listener) -> None:
        if one.key in self._reacted:
            listener.on_due(one.key)
        else:
            self._send_none(one)

    def _is_closed(self, one: Impression, now: int) -> bool:
        """Return whether its click window is over; a clock ahead closes none."""
        return min(self.newest, now) >= one.at + self._click_ms

    def _is_over(self, one: Impression, now: int, newest: int) -> bool:
        if now < one.arrived_at + self._settle_ms:
            return False
        kept_ms = self._kept_ms
        return now >= one.arrived_at + kept_ms or min(newest, now) >= one.at + kept_ms

    # -- creatives ------------------------------------------------------------------

    def know(
        self,
        creative_id: str,
        creative: KnownCreative,
        now: int,
        listener: Listener | None,
    ) -> None:
        """Learn a creative; with a listener, decide on what waited for it."""
        self._known[creative_id] = creative
        if listener is None:
            return
        for key in list(self._shown_of.get(creative_id, ())):
            one = self._shown[key]
            if not one.sent and (key in self._reacted or self._is_closed(one, now)):
                self._decide(one, listener)

    def forget(self, creative_id: str) -> None:
        """Forget a creative."""
        self._known.pop(creative_id, None)

    def shows(self, creative_id: str) -> bool:
        """Return whether a remembered impression is of this creative."""
        return creative_id in self._shown_of

    # -- the changelog --------------------------------------------------------------

    def take_dirty(self, first_segment: int, max_bytes: int) -> list[tuple[bytes, int]]:
        """Return changed impressions as (content, number of them) of segments."""
        segments: list[tuple[bytes, int]] = []
        for content, together in packed_together(self._dirty.values(), max_bytes):
            self._released += [one.segment for one in together if one.segment]
            for one in together:
                one.segment = first_segment + len(segments)
            segments.append((content, len(together)))
        self._dirty.clear()
        return segments

    def take_released(self) -> Ints:
        """Return the segments of impressions that ended or were written again [n]."""
        released, self._released = self._released, []
        return np.array(released, np.int64)

    def restore(self, content: bytes, segment: int) -> int:
        """Take a segment back; return how many impressions it holds."""
        n = 0
        for one in unpacked(content, segment):
            if one.key in self._shown:
                self._remove(self._shown[one.key])
            self._add(one)
            n += 1
        return n

    def sweep(self, now: int, newest: int, dead: frozenset[int]) -> None:
        """Forget what had ended by a tick at `now`, and what is in dead segments."""
        self.see(newest)
        for one in list(self._shown.values()):
            if one.segment in dead or self._is_over(one, now, newest):
                self._remove(one)

    # -- impressions ----------------------------------------------------------------

    def _waits(self, one: Impression) -> bool:
        """Return whether its creative is still to come."""
        if one.creative is None or one.creative.startswith(FALLBACK):
            return False
        return one.creative not in self._known

    def _send_none(self, one: Impression) -> None:
        decided_at = one.at + self._click_ms
        self.send(
            one.key, Judgement("none", None, not one.robot, decided_at, revision=0)
        )

    def _add(self, one: Impression) -> None:
        self._shown[one.key] = one
        if one.creative is not None:
            self._shown_of[one.creative][one.key] = None
        self._wall.put(_ALL, one.key, one.arrived_at + self._settle_ms)
        self._wall.put(_ALL, one.key, one.arrived_at + self._kept_ms)
        self._event.put(_ALL, one.key, one.at + self._click_ms)
        self._event.put(_ALL, one.key, one.at + self._kept_ms)

    def _remove(self, one: Impression) -> None:
        del self._shown[one.key]
        self._dirty.pop(one.key, None)
        if one.segment:
            self._released.append(one.segment)
        if one.creative is not None:
            shown = self._shown_of[one.creative]
            del shown[one.key]
            if not shown:
                del self._shown_of[one.creative]
