"""Sentences for reason codes. A reason travels as code and parameters; its text is made here, at the edge."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines import reasons as pipeline_reasons
from pipelines.contract import Reason

TEXTS: Mapping[str, str] = {
    "already-running": "Another process holds {lock}: stop the node that uses this data folder first.",
    "association-rejected": "{peer} rejected the association (source {source}, diagnostic {diagnostic}): "
    "register this node's AE title and address there, and check the called AE title.",
    "audit-anchor-damaged": "Part of the audit anchor {file} is unreadable: a power loss in the middle of a writing, "
    "which the next row mends, or somebody removed the newest part.",
    "audit-anchor-forged": "No part of the audit anchor {file} fits the key {key}: it was forged or belongs to "
    "another key. Restore it, or begin a new trail.",
    "audit-anchor-mismatch": "The audit log stands at row {found_count}, its anchor at row {anchored_count}: rows "
    "were removed, added or changed. Run `synthnode audit verify`.",
    "audit-anchor-missing": "The audit anchor {file} is gone: restore it, or begin a new trail.",
    "audit-chain-recomputed": "Audit rows {first} to {last} have hashes that fit one another but not the anchor: one "
    "of them or more was altered and the hashes were made anew.",
    "audit-closed-changed": "Among the audit rows {first} to {last}, which an earlier trail was closed with, "
    "something was changed since.",
    "audit-database-empty": "The anchor vouches for audit rows {first} to {last}, the database has none of them: it "
    "was lost, emptied or rebuilt. Restore it, or run `synthnode archive rebuild`, which begins a new trail.",
    "audit-database-unreadable": "The audit rows cannot be read ({found}): restore the database.",
    "audit-identity-altered": "The patient identifiers behind subject {subject}, first in audit row {first}, are not "
    "those that were recorded.",
    "audit-identity-missing": "The patient identifiers behind subject {subject}, first in audit row {first}, are "
    "gone, and no erasure is recorded.",
    "audit-key-exposed": "Others than its owner may read the audit key {file}: set its mode to 0600, change the key.",
    "audit-key-missing": "The audit key {file} is gone: restore it, or begin a new trail.",
    "audit-row-altered": "Audit rows {first} to {last} were altered.",
    "audit-row-deleted": "Audit rows {first} to {last} were deleted.",
    "audit-row-inserted": "Audit rows {first} to {last} were inserted.",
    "audit-row-renumbered": "Audit row {first} was written as row {written}.",
    "audit-subject-unknown": "No identifiers are kept for subject {subject}: unknown, or erased before.",
    "audit-tail-cut": "The audit log ends before its time: rows {first} to {last} were cut off.",
    "audit-witness-contradicted": "Audit row {first} is not the one that was noted elsewhere with hash {head}: log "
    "and anchor were put back to an older state, or replaced.",
    "context-refused": "{peer} does not take SOP class {sop_class} in transfer syntax {transfer_syntax}: "
    "enable it there, or choose another destination.",
    "database-missing": "The data folder {data} has received images but no database {database}: restore it, or run "
    "`synthnode archive rebuild`.",
    "destination-unknown": "No destination is called {name}; the settings know: {known}.",
    "file-not-dicom": "{file} is no DICOM file that can be sent ({error}): take it out of the folder or repair it.",
    "folder-empty": "{folder} holds no files.",
    "folder-missing": "{folder} does not exist.",
    "job-given-up": "The job engine gave the job up ({status}); the log has the cause.",
    "model-changed": "The installed model {model} has hash {found}, the run was ordered with {expected}: "
    "order a new run, or reinstall that model.",
    "model-missing": "The model {model} is not installed (any more).",
    "no-node-here": "{data} holds no node: name the data folder by --data or the settings by --config.",
    "peer-aborted": "{peer} ended the association before it had answered (at {sop_instance}).",
    "peer-malformed": "{found} names no peer: write AETITLE@HOST:PORT.",
    "peer-unreachable": "{peer} cannot be reached: is it running, and is the port open?",
    "reject-needs-reason": "A rejection needs a reason: --reason.",
    "rejected-by-person": "{by} rejected it: {reason}",
    "release-needs-reason": "The verdict is {verdict}: a release needs a reason (--reason).",
    "release-never": "A rejected {checks} can never be released.",
    "release-no-destination": "No destination may get this result: it comes from a model of status reference, and "
    "withheld are {withheld}, which the settings do not mark `research: true`.",
    "release-not-a-person": "Only a named person releases or rejects, not {actor}.",
    "release-nothing-held": "No result of study {study} is held.",
    "release-several-held": "Study {study} has several held results: name one by --run ({runs}).",
    "result-not-kept": "The result could not be written to {folder} ({error}): free or repair the disk.",
    "result-unreadable": "The kept result {file} cannot be read ({error}): restore it from a backup.",
    "rule-model-missing": "Rule {rule} needs the model {model}, which is not installed.",
    "rules-invalid": "The rule file {file} cannot be used: {findings}.",
    "rules-not-yaml": "The rule file {file} is not plain YAML: {error}. Correct it there, quote conditions that begin "
    "with `!` or a quotation mark, and do without aliases.",
    "rules-tab": "The rule file {file} is indented with a tab on line {line}: indent with spaces.",
    "rules-too-large": "The rule file {file} has {found} bytes, accepted are {accepted}: split it or shorten it.",
    "rules-unreadable": "The rule file {file} cannot be read ({error}): name it under `rules` in the settings.",
    "run-crashed": "The computation ended with an unexpected {error}; the log has the trace.",
    "run-not-started": "Run {run} has not started.",
    "run-superseded": "Replaced by run {by}: more images came in.",
    "run-unknown": "No run is called {run}.",
    "schema-revision": "The database has schema revision {found}, this software needs {expected}: run "
    "`synthnode serve`, which migrates, or install the release that wrote it.",
    "settings-invalid": "{file}: {findings}",
    "settings-not-yaml": "{file} is no YAML of settings: {error}",
    "settings-unreadable": "{file} cannot be read: {error}.",
    "state-transition": "A {thing} in state {current} cannot become {new}.",
    "store-out-of-resources": "{peer} is out of resources (status {status}); it is tried again.",
    "store-refused": "{peer} refused instance {sop_instance} with status {status}.",
    "study-quarantined": "{count} instances of this study were set apart ({codes}): what is here may not be the whole "
    "study. Send the right instances again; conflicting ones need a person.",
    "study-unrouted": "No rule takes this study. {nearest}",
    "too-many-contexts": "{found} combinations of SOP class and transfer syntax do not fit one association "
    "(at most {accepted}): send fewer kinds at once.",
}
"""English template by code, in alphabetical order."""


def text(reason: Reason) -> str:
    """Return the sentence for `reason`; an unknown code shows itself with its parameters."""
    template = TEXTS.get(reason.code)
    if template is None:
        return pipeline_reasons.text(reason)
    return template.format_map(reason.parameters)
