"""The release service: results of runs are held, released, rejected or ended.

Hold is the default; a rule may ask for automatic release, which needs every check passed and approved models. A REVIEW,
and a REJECT that may be overridden, are released by a named person with a reason; a rejected identity, frame of
reference, geometry, laterality or model hash never is. A result of a model of status ``reference`` goes to destinations
marked research only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.archive.catalogue import own_arrival, register_own
from node.archive.files import ArchiveFiles
from node.archive.filing import Arrival
from node.archive.freshness import Freshness
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database, change_state
from node.deliver.orders import has_delivery, order_delivery, reopen_run, wants_something
from node.errors import Refusal, SettingsError, Transient
from node.jobs.queue import JobQueue
from node.network import Peer
from node.release.automatic import AUTOMATIC, reason_to_hold
from node.release.held import known_run
from node.release.notes import Note, NoteWriter
from node.release.replacement import replaced_by
from node.release.withdrawal import Withdrawal, Withdrawn, withdraw
from node.runs.identity import profile_from_json
from node.runs.results import Manifest, check_to_json
from node.runs.tables import RunObjectRow, RunRow
from node.settings import Settings
from node.states import RunState
from pipelines.contract import Reason, Verdict

_REPLACED = "More images of the study came in, and a newer result takes the place of these objects."

RULE = Actor.service("release")
"""Releases what a rule says may go by itself."""

_PAUSES_S = (5.0, 30.0, 120.0, 600.0)
"""Waits before a run is tried again after a passing fault."""


@dataclass(frozen=True, slots=True)
class Released:
    """What a release set in motion."""

    run_id: str
    study_uid: str
    released_by: str
    destinations: tuple[str, ...]
    withheld: tuple[str, ...]
    """Destinations that do not get it, because they are not marked research and the model is a reference."""
    replaced: tuple[Withdrawn, ...] = ()
    """Results of earlier revisions whose place it takes, each with who gets the rejection note first."""
    not_wanted_by: tuple[str, ...] = ()
    """Destinations that do not get it, because they want no object of it."""


class ReleaseService:
    """Holds results and takes verdicts.

    Parameters
    ----------
    database, trail, files, queue, settings, freshness, clock
        The node's parts.
    notes
        Writes the notes that reject earlier results.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        files: ArchiveFiles,
        queue: JobQueue,
        settings: Settings,
        freshness: Freshness,
        clock: Clock,
        notes: NoteWriter,
    ) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._queue = queue
        self._settings = settings
        self._freshness = freshness
        self._clock = clock
        self._notes = notes

    def hold(self, manifest: Manifest, by: Actor) -> RunState:
        """Enter a kept result into the catalogue, and hold it or end it as refused; twice is as once."""
        now = self._clock.now()
        arrivals = [own_arrival(self._files, item.location, item.sha256, now) for item in manifest.objects]
        with self._trail.recording() as recording:
            run = recording.session.get_one(RunRow, manifest.run_id)
            if run.state != RunState.RUNNING:
                return RunState(run.state)
            rejected = sorted(
                (check for check in manifest.checks if check.verdict is Verdict.REJECT),
                key=lambda check: check.overridable,
            )
            refused = not manifest.objects or any(not check.overridable for check in rejected)
            self._enter(recording.session, run, manifest, arrivals)
            run.verdict = manifest.verdict.value
            run.checks = [check_to_json(check) for check in manifest.checks]
            run.stages = dict(manifest.stages)
            run.previews = {"names": list(manifest.previews)}
            run.stage, run.progress = "", 1.0
            run.finished_at = self._clock.now()
            change_state(recording.session, run, RunState.REFUSED if refused else RunState.HELD)
            # What an earlier attempt had to wait for is over.
            run.reason_code = run.reason_parameters = None
            if refused:
                worst = rejected[0].reason
                run.reason_code, run.reason_parameters = worst.code, dict(worst.parameters)
            code = AuditCode.RUN_REFUSED if refused else AuditCode.RUN_HELD
            self._record(recording, code, run, by, verdict=run.verdict, objects=len(manifest.objects))
            if not refused and run.release_policy == AUTOMATIC:
                self._release_by_rule(recording, run)
            return RunState(run.state)

    def _release_by_rule(self, recording: Recording, run: RunRow) -> None:
        """Release a result that was held a moment ago, as its rule asks; or say why it waits for a person."""
        against = reason_to_hold(recording.session, run)
        if against is None:
            try:
                with recording.session.begin_nested():
                    change_state(recording.session, run, RunState.RELEASED)
                    run.released_by, run.release_reason = RULE.name, f"rule {run.rule}"
                    self._send_to(recording, run, run.destinations, AuditCode.RUN_RELEASED, RULE, f"rule {run.rule}")
                    return
            except (Refusal, SettingsError) as refusal:
                against = refusal.reason
        run.reason_code, run.reason_parameters = against.code, dict(against.parameters)

    def fail(self, run_id: str, reason: Reason, by: Actor) -> None:
        """End a run as failed, with the reason; does nothing when it has ended already."""
        with self._trail.recording() as recording:
            run = recording.session.get_one(RunRow, run_id)
            if run.state not in {RunState.QUEUED, RunState.RUNNING}:
                return
            change_state(recording.session, run, RunState.FAILED)
            run.reason_code, run.reason_parameters = reason.code, dict(reason.parameters)
            run.finished_at = self._clock.now()
            self._record(recording, AuditCode.RUN_FAILED, run, by, outcome="failure", reason=reason.code)

    def postpone(self, run_id: str, reason: Reason, by: Actor) -> None:
        """Put a run off after a passing fault, such as a full disk; after the last pause it fails with the reason."""
        with self._database.write() as session:
            # Locked: what supersedes it meanwhile must not lose its reason to this one.
            run = session.get_one(RunRow, run_id, with_for_update=True)
            if run.state not in {RunState.QUEUED, RunState.RUNNING}:
                return
            if run.postponed < len(_PAUSES_S):
                pause = _PAUSES_S[run.postponed]
                run.postponed += 1
                run.attempts += 1
                run.reason_code, run.reason_parameters = reason.code, dict(reason.parameters)
                self._queue.enqueue_run(session, run_id, run.due, attempt=run.attempts, delay_s=pause)
                return
        self.fail(run_id, reason, by)

    def release(self, run_id: str, by: Actor, reason: str = "", destinations: Sequence[str] = ()) -> Released:
        """Release a held result to its destinations.

        Results of earlier revisions of the study that were sent are taken back: those who may have them get the note
        that rejects them, and the new objects after it.

        Parameters
        ----------
        run_id
            The run whose result it is.
        by
            The person who takes the responsibility.
        reason
            Needed unless every check passed.
        destinations
            Names of destinations beside those that the rule orders; a rule may order none.

        Raises
        ------
        Refusal
            ``run-unknown``, those of `node.access.check`, ``state-transition``, ``release-needs-reason``,
            ``release-never``, ``release-no-destination``, ``release-wants-nothing`` or
            ``destination-other-profile``; or why the result does not stand for its study any more
            (`Freshness`). A refused release is audited as well.
        SettingsError
            ``destination-unknown``: the settings do not know a destination, or not any more.
        Transient
            ``state-changed``: an earlier result changed at the same moment.
        """
        notes = self._notes_on_replaced(run_id)
        with self._audited_refusal(AuditCode.RELEASE_REFUSED, run_id, by), self._trail.recording() as recording:
            run = known_run(recording.session, run_id)
            check(by, Permission.RELEASE)
            change_state(recording.session, run, RunState.RELEASED)
            _check_verdict(run, reason)
            run.reason_code = run.reason_parameters = None
            run.released_by, run.release_reason = by.name, reason
            replaced = self._take_back_replaced(recording, run, notes, by)
            names = tuple(dict.fromkeys((*run.destinations, *destinations)))
            released = self._send_to(recording, run, names, AuditCode.RUN_RELEASED, by, reason)
            return replace(released, replaced=replaced)

    def _notes_on_replaced(self, run_id: str) -> Mapping[str, Note]:
        """Write the notes before the transaction: reading the objects' headers takes a while."""
        with self._database.read() as session:
            run = session.get(RunRow, run_id)
            earlier = [] if run is None or run.state != RunState.HELD else replaced_by(session, run)
            now = self._clock.now()
            return {one.run_id: self._notes.write(one, _REPLACED, now, for_safety=False) for one in earlier}

    def _take_back_replaced(
        self, recording: Recording, run: RunRow, notes: Mapping[str, Note], by: Actor
    ) -> tuple[Withdrawn, ...]:
        why = Withdrawal(by, _REPLACED, for_safety=False, at=self._clock.now(), replaced_by=run.run_id)
        withdrawn = []
        for earlier in replaced_by(recording.session, run):
            if earlier.run_id not in notes:
                raise Transient("state-changed", thing="run", seen=earlier.state, new=RunState.RECALLED.value)
            withdrawn.append(withdraw(recording, self._queue, self._files, earlier, notes[earlier.run_id], why))
        return tuple(withdrawn)

    def release_further(self, run_id: str, destinations: Sequence[str], by: Actor, reason: str) -> Released:
        """Have a result that a person released before sent to further destinations.

        Parameters
        ----------
        run_id
            The run whose result it is.
        destinations
            Names of destinations that it has no delivery to yet.
        by, reason
            The person who wants it, and why.

        Raises
        ------
        Refusal
            As `release`; ``release-destination-doubled`` for a destination that it has a delivery to.
        SettingsError
            ``destination-unknown``.
        """
        with self._audited_refusal(AuditCode.RELEASE_REFUSED, run_id, by), self._trail.recording() as recording:
            run = known_run(recording.session, run_id)
            check(by, Permission.RELEASE_FURTHER)
            if run.released_by is None:
                raise Refusal("run-not-released", run=run_id)
            if not reason.strip():
                raise Refusal("release-needs-reason", run=run_id, verdict=run.verdict or "(none)")
            reopen_run(recording.session, run)
            names = tuple(dict.fromkeys(destinations))
            for name in names:
                if has_delivery(recording.session, run_id, name):
                    raise Refusal("release-destination-doubled", run=run_id, destination=name)
            return self._send_to(recording, run, names, AuditCode.RELEASE_EXTENDED, by, reason)

    @contextmanager
    def _audited_refusal(self, code: AuditCode, run_id: str, by: Actor) -> Iterator[None]:
        try:
            yield
        except (Refusal, SettingsError) as refusal:
            with self._trail.recording() as recording:
                run = recording.session.get(RunRow, run_id)
                if run is not None:
                    self._record(recording, code, run, by, outcome="failure", reason=refusal.reason.code)
            raise

    def _send_to(
        self, recording: Recording, run: RunRow, names: Sequence[str], code: AuditCode, by: Actor, reason: str
    ) -> Released:
        against = self._freshness.reason_against(recording.session, run.study_uid, run.revision)
        if against is not None:
            raise Refusal(against.code, **against.parameters)
        allowed, withheld = self._destinations(run, names)
        if not allowed:
            raise Refusal("release-no-destination", run=run.run_id, withheld=", ".join(withheld) or "(none)")
        wanting = [one for one in allowed if wants_something(one, run.objects)]
        not_wanted_by = tuple(one.name for one in allowed if one not in wanting)
        if not wanting:
            raise Refusal("release-wants-nothing", run=run.run_id, destinations=", ".join(not_wanted_by))
        profile = profile_from_json(run.profile)
        for destination in wanting:
            if self._settings.profile_of(destination) != profile:
                raise Refusal("destination-other-profile", destination=destination.name)
            order_delivery(
                recording.session,
                self._queue,
                run.run_id,
                run.objects,
                destination,
                research_only=run.research_only,
                now=self._clock.now(),
            )
        self._record(
            recording,
            code,
            run,
            by,
            verdict=run.verdict or "",
            reason=reason,
            destinations=[destination.name for destination in wanting],
            peers=[str(destination.address) for destination in wanting],
            withheld=list(withheld),
            not_wanted_by=list(not_wanted_by),
        )
        names = tuple(destination.name for destination in wanting)
        return Released(run.run_id, run.study_uid, by.name, names, withheld, not_wanted_by=not_wanted_by)

    def reject(self, run_id: str, by: Actor, reason: str) -> None:
        """Reject a held result; it never leaves.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``reject-needs-reason`` or ``state-transition``. It is audited as well.
        """
        with self._audited_refusal(AuditCode.REJECTION_REFUSED, run_id, by), self._trail.recording() as recording:
            run = known_run(recording.session, run_id)
            check(by, Permission.REJECT)
            if not reason.strip():
                raise Refusal("reject-needs-reason", run=run_id)
            change_state(recording.session, run, RunState.REJECTED)
            run.reason_code, run.reason_parameters = "rejected-by-person", {"by": by.name, "reason": reason}
            self._record(recording, AuditCode.RUN_REJECTED, run, by, reason=reason)

    def _destinations(self, run: RunRow, names: Sequence[str]) -> tuple[Sequence[Peer], tuple[str, ...]]:
        wanted = [self._settings.destination(name) for name in names]
        if not run.research_only:
            return wanted, ()
        return [d for d in wanted if d.research], tuple(d.name for d in wanted if not d.research)

    def _enter(self, session: Session, run: RunRow, manifest: Manifest, arrivals: Sequence[Arrival]) -> None:
        register_own(session, self._files, arrivals, run.correlation_id)
        for position, item in enumerate(manifest.objects):
            session.add(
                RunObjectRow(
                    run_id=run.run_id,
                    position=position,
                    sop_instance_uid=item.sop_instance_uid,
                    sop_class_uid=item.sop_class_uid,
                    series_uid=item.series_uid,
                    sha256=item.sha256,
                    location=item.location,
                )
            )

    def _record(
        self,
        recording: Recording,
        code: AuditCode,
        run: RunRow,
        by: Actor,
        *,
        outcome: Literal["success", "failure"] = "success",
        **details: str | int | list[str],
    ) -> None:
        recording.record(
            AuditEvent(
                code=code,
                actor=by,
                outcome=outcome,
                study_uid=run.study_uid,
                correlation=run.correlation_id,
                details={"run": run.run_id, **details},
            )
        )


def _check_verdict(run: RunRow, reason: str) -> None:
    never = [c["name"] for c in run.checks or () if c["verdict"] == Verdict.REJECT and not c["overridable"]]
    if never:
        raise Refusal("release-never", run=run.run_id, checks=", ".join(never))
    if run.verdict != Verdict.PASS and not reason.strip():
        raise Refusal("release-needs-reason", run=run.run_id, verdict=run.verdict or "(none)")
