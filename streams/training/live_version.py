"""One version's feedback, from where it stopped learning -> its newest posterior."""

import time

import structlog
from prometheus_client import Counter, Gauge

from model_export.critic import file as critic_file, posterior
from model_export.critic.posterior_gate import refusal
from model_export.feedback.live_critic import LiveCritic
from model_export.store.model_files import CRITIC_STATE, check_files
from model_export.store.registry import Registry
from schemas.records import PosteriorUpdate
from streams.kafka.connection import connection_of
from streams.kafka.schema_ids import schema_ids, wire_of
from streams.kafka.topics import FEEDBACK
from streams.runtime.clock import now_ms
from streams.settings import Settings
from streams.training.feedback import FeedbackTail

LOG = structlog.get_logger(__name__)
LEARNT = Gauge("adloom_posterior_records", "Feedback records read.", ["version"])
REFUSED = Counter("adloom_posterior_refused", "Posteriors that were not announced.")

BEHIND = 1_000
"""Records that lie ahead from which older feedback is caught up with first."""

CATCH_UP_S = 10.0
"""Longest time without an announcement while older feedback is still read."""

QUIET_S = 5.0
"""Without feedback for so long, every impression is weighed anew at the mode."""


class VersionLearner:
    """One version's critic, learning on.

    Args:
        settings: all settings.
        registry: where the version is, and its posteriors go.
        name: model.
        version: its version.
        sha256: digest of it.

    Raises:
        RegistryError, ModelFileError: there is no such version, or it cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        name: str,
        version: int,
        sha256: str,
    ) -> None:
        self.name, self.version = name, version
        self._registry = registry
        self._publish_s = settings.learner.publish_s
        files = registry.read(name, version, sha256)
        checked = check_files(files)
        self._seed = checked.card["seed"]
        self._base = critic_file.from_bytes(files[CRITIC_STATE], checked.space)
        n_partitions = settings.kafka.partitions
        self._live = LiveCritic(
            self._base,
            checked.space,
            self._seed,
            int(settings.attribution.correction_window_s * 1000),
            n_partitions,
        )
        self._tail = FeedbackTail(
            connection_of(settings),
            wire_of(settings).name(FEEDBACK),
            n_partitions,
            {int(key): end for key, end in checked.card["learnt_to"].items()},
            schema_ids(settings),
        )
        self._learnt_to = self._tail.n_read
        self._is_exact = True
        self._read_at = self._due_at = time.monotonic()

    def read(self, timeout_ms: int) -> None:
        """Take in the feedback that has come."""
        records = self._tail.read(timeout_ms)
        if records:
            self._read_at = time.monotonic()
        for partition, record in records:
            self._live.take(record, partition)

    def update(self) -> PosteriorUpdate | None:
        """Return what is to be announced, if anything; it is in the registry then."""
        now = time.monotonic()
        is_new = self._tail.n_read > self._learnt_to
        is_quiet = not self._is_exact and now - self._read_at > QUIET_S
        if now < self._due_at or not (is_new or is_quiet):
            return None
        if self._tail.lag > BEHIND and now < self._due_at + CATCH_UP_S:
            return None
        self._learnt_to, self._is_exact = self._tail.n_read, is_quiet
        spent = time.process_time()
        learnt = self._live.learnt(exact=is_quiet)
        draws = learnt.critic_state.draws(self._seed)
        # A refit of many impressions must not starve the reading.
        spent = time.process_time() - spent
        self._due_at = now + max(self._publish_s, 2.0 * spent)
        why = refusal(self._base, learnt.critic_state, draws)
        if why is not None:
            REFUSED.inc()
            LOG.error("posterior refused", version=self.version, why=why)
            return None
        critic = learnt.critic_state.critic
        LEARNT.labels(self.version).set(self._learnt_to)
        return PosteriorUpdate(
            model_name=self.name,
            version=self.version,
            revision=self._learnt_to,
            sha256=self._registry.add_posterior(
                self.name, self.version, posterior.to_half(draws)
            ),
            ranges=self._tail.ranges,
            n_examples=critic.n_examples,
            n_clicks=critic.n_clicks,
            n_held=learnt.n_held,
            newest_at=self._live.newest_at,
            made_at=now_ms(),
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._tail.close()
