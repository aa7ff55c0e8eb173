"""Standing of a model's versions, a release or a finding -> the next standing.

The release topic keeps the newest record per model, and workers do what that one says:
after any other record (a rejection, a candidate that must wait, a champion named by
hand) the running trial is announced again. Announcements go into the outbox.
"""

from schemas.records import ModelRelease, ReleaseStage, Verdict
from streams.stages.rollout.state import Standing, Trial


class Promotion:
    """The moves of a candidate: shadow, canary, then champion or rolled back.

    A trial that begins, ends or starts again becomes another `Trial` object.

    Args:
        shadow_requests: requests that a candidate answers in the shadow.
        canary_share: share of people in a canary.
    """

    def __init__(self, shadow_requests: int, canary_share: float) -> None:
        self._shadow_requests = shadow_requests
        self._canary_share = canary_share

    # -- what is heard --------------------------------------------------------------

    def follow(self, standing: Standing, release: ModelRelease, now: int) -> None:
        """Take in a release: of the trainer, the bootstrap, a person, or an echo."""
        if standing.champion_version < 0:
            _crown(standing, release.champion_version, release.champion_sha256, 0)
        match release.stage:
            case "shadow":
                self._follow_candidate(standing, release, now)
            case "canary":
                _follow_canary(standing, release, now)
            case "champion":
                self._follow_champion(standing, release, now)
            case "rolled_back" | "rejected":
                self._follow_withdrawal(standing, release, now)

    def _follow_candidate(
        self, standing: Standing, release: ModelRelease, now: int
    ) -> None:
        if release.version <= standing.newest_version:
            return
        standing.newest_version = release.version
        if standing.trial is None:
            known = (standing.champion_version, standing.champion_sha256)
            is_right = (release.champion_version, release.champion_sha256) == known
            self._begin(standing, release, now, is_announced=is_right)
            return
        if standing.queued is not None:
            self._supersede(standing, standing.queued, release, now)
        standing.queued = release
        self._announce_trial(standing, now)

    def _follow_champion(
        self, standing: Standing, release: ModelRelease, now: int
    ) -> None:
        standing.newest_version = max(standing.newest_version, release.version)
        known = (standing.champion_version, standing.champion_sha256)
        is_echo = release.released_at < standing.champion_since
        if is_echo or known == (release.version, release.sha256):
            return
        _crown(standing, release.version, release.sha256, release.released_at)
        self._start_again(standing, release.version, now)

    def _follow_withdrawal(
        self, standing: Standing, release: ModelRelease, now: int
    ) -> None:
        version = release.version
        is_new = version > standing.newest_version
        standing.newest_version = max(standing.newest_version, version)
        if standing.queued is not None and standing.queued.version == version:
            standing.queued = None
        if version == standing.champion_version != release.champion_version:
            _crown(
                standing,
                release.champion_version,
                release.champion_sha256,
                release.released_at,
            )
            self._start_again(standing, version, now)
        elif standing.trial is not None and standing.trial.version == version:
            self._end(standing, now)
        elif is_new:
            self._announce_trial(standing, now)

    # -- what is found --------------------------------------------------------------

    def start_canary(self, standing: Standing, trial: Trial, now: int) -> None:
        """Give a share of the people to a candidate."""
        trial.canary_since = now
        verdict = Verdict(
            gate="shadow",
            result="pass",
            value=trial.n_shadow,
            threshold=self._shadow_requests,
            detail=f"answered {trial.n_shadow:,} of {self._shadow_requests:,} requests "
            "in the shadow",
        )
        self._announce(standing, trial.release, "canary", now, verdict)

    def promote(
        self, standing: Standing, trial: Trial, verdict: Verdict, now: int
    ) -> None:
        """Make the candidate the champion."""
        _crown(standing, trial.version, trial.release.sha256, now)
        self._announce(standing, trial.release, "champion", now, verdict)
        self._end(standing, now)

    def roll_back(
        self, standing: Standing, trial: Trial, verdict: Verdict, now: int
    ) -> None:
        """Give everybody back to the champion."""
        self._announce(standing, trial.release, "rolled_back", now, verdict)
        self._end(standing, now)

    # -- moves ----------------------------------------------------------------------

    def _begin(
        self, standing: Standing, release: ModelRelease, now: int, *, is_announced: bool
    ) -> None:
        standing.trial = Trial(release)
        if self._shadow_requests == 0:
            self.start_canary(standing, standing.trial, now)
        elif not is_announced:
            self._announce_trial(standing, now)

    def _end(self, standing: Standing, now: int) -> None:
        """Close the trial and begin with the candidate that waits."""
        queued, standing.trial, standing.queued = standing.queued, None, None
        if queued is not None:
            self._begin(standing, queued, now, is_announced=False)

    def _start_again(self, standing: Standing, decided: int, now: int) -> None:
        """Begin the trial's canary anew: it was compared with another champion."""
        trial = standing.trial
        if trial is None:
            return
        if trial.version == decided:
            self._end(standing, now)
            return
        standing.trial = Trial(trial.release, n_shadow=trial.n_shadow)
        if trial.canary_since is not None:
            standing.trial.canary_since = now
        self._announce_trial(standing, now)

    def _supersede(
        self, standing: Standing, older: ModelRelease, newer: ModelRelease, now: int
    ) -> None:
        verdict = Verdict(
            gate="rollout",
            result="fail",
            value=older.version,
            threshold=newer.version,
            detail=f"superseded by version {newer.version} before its turn came",
        )
        self._announce(standing, older, "rejected", now, verdict)

    def _announce_trial(self, standing: Standing, now: int) -> None:
        trial = standing.trial
        if trial is not None:
            stage: ReleaseStage = "shadow" if trial.canary_since is None else "canary"
            self._announce(standing, trial.release, stage, now)

    def _announce(
        self,
        standing: Standing,
        release: ModelRelease,
        stage: ReleaseStage,
        now: int,
        *verdicts: Verdict,
    ) -> None:
        standing.outbox.append(
            ModelRelease(
                model_name=release.model_name,
                version=release.version,
                sha256=release.sha256,
                stage=stage,
                canary_share=self._canary_share if stage == "canary" else 0.0,
                champion_version=standing.champion_version,
                champion_sha256=standing.champion_sha256,
                base_version=release.base_version,
                job_id=release.job_id,
                verdicts=verdicts,
                released_at=now,
            )
        )


def _crown(standing: Standing, version: int, sha256: str, since: int) -> None:
    standing.champion_version = version
    standing.champion_sha256 = sha256
    standing.champion_since = since


def _follow_canary(standing: Standing, release: ModelRelease, now: int) -> None:
    """Go on with a canary that we have lost the state of; others are our echo."""
    if release.version > standing.newest_version:
        standing.newest_version = release.version
        standing.trial = Trial(release, canary_since=now)
