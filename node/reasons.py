"""Sentences for reason codes. A reason travels as code and parameters; its text is made here, at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines import reasons as pipeline_reasons
from pipelines.contract import Reason

TEXTS: Mapping[str, str] = {
    "access-denied": "{actor} may not do that ({permission}): ask somebody who is {roles}, or have an administrator "
    "look at `access` in the settings.",
    "access-not-a-person": "Only a named person may do that ({permission}), not {actor}.",
    "already-running": "Another process holds {lock}: stop the node that uses this data folder first.",
    "approval-doubled": "The package {model} that is installed is approved already.",
    "approval-needs-reason": "An approval of {model}, and its end, need a reason: --reason.",
    "approval-none": "No package {model} is approved.",
    "archive-full": "The disk of the archive {folder} is full ({error}): free space there; senders are told to try "
    "again.",
    "archive-location-invalid": "{location} names no file of the archive.",
    "archive-not-writable": "The archive {folder} cannot be written ({error}): check its disk, its mount and its "
    "owner.",
    "association-rejected": "{peer} rejected the association (source {source}, diagnostic {diagnostic}): "
    "register this node's AE title and address there, and check the called AE title.",
    "audit-anchor-contradicted": "Audit row {first} is not the one that this machine recorded with hash {head}: the "
    "database was put back to an older state, and others recorded since.",
    "audit-anchor-damaged": "Part of the audit anchor {file} is unreadable: a power loss in the middle of a writing, "
    "which the next row mends, or somebody removed the newest part.",
    "audit-anchor-forged": "No part of the audit anchor {file} fits the key {key}: it was forged or belongs to "
    "another key. Restore it, or begin a new trail (`synthnode audit begin`).",
    "audit-anchor-mismatch": "The audit log stands at row {found_count}, its anchor at row {anchored_count}: rows "
    "were removed, added or changed. Run `synthnode audit verify`.",
    "audit-anchor-missing": "The audit anchor {file} is gone: restore it, or begin a new trail (`synthnode audit "
    "begin`). A machine that never had one joins the trail by `synthnode audit join`.",
    "audit-anchor-there": "This machine has an audit anchor already, {file}: it records into the trail as it is.",
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
    "audit-key-missing": "The audit key {file} is gone: restore it, or begin a new trail (`synthnode audit begin`).",
    "audit-patient-unknown": "The audit log holds no identifiers under this patient ID: unknown, or erased.",
    "audit-row-altered": "Audit rows {first} to {last} were altered.",
    "audit-row-deleted": "Audit rows {first} to {last} were deleted.",
    "audit-row-inserted": "Audit rows {first} to {last} were inserted.",
    "audit-row-renumbered": "Audit row {first} was written as row {written}.",
    "audit-seal-invalid": "The seal of the audit log in the database, which stands at row {found_count}, was removed, "
    "altered or put back: it does not fit the key, or this machine has recorded later. Run `synthnode audit verify`.",
    "audit-subject-unknown": "No identifiers are kept for subject {subject}: unknown, or erased before.",
    "audit-tail-cut": "The audit log ends before its time: rows {first} to {last} were cut off.",
    "audit-trail-unsealed": "The audit log in {database} was written by a release that did not seal it, and cannot be "
    "gone on with as it is. Run `synthnode audit begin --by NAME --reason TEXT`, which migrates the database and "
    "begins another trail after it; then start the node.",
    "audit-trail-whole": "The audit log verifies: there is no reason to begin a new trail.",
    "audit-witness-contradicted": "Audit row {first} is not the one that was noted elsewhere with hash {head}: log "
    "and anchor were put back to an older state, or replaced.",
    "automatic-checks": "Its rule would release it by itself, but not every check passed ({checks}): a person decides.",
    "automatic-model": "Its rule would release it by itself, but nobody approved the model {model} of hash {sha256} at "
    "this site: a person decides, or approves it for the next (`synthnode models approve`).",
    "automatic-replaces": "Its rule would release it by itself, but it takes the place of run {run}, which was sent: a "
    "person decides (`synthnode review`).",
    "catalogue-not-empty": "The catalogue is not empty: it is rebuilt only into a new database. Move the database "
    "away first.",
    "catalogue-rebuilt": "The catalogue was rebuilt from the files: nothing runs for this study by itself. Send it "
    "again, or a part of it, to have it routed anew.",
    "class-mismatch": "The request names SOP class {found}, its presentation context {negotiated}: a fault of the "
    "sender.",
    "command-too-large": "The peer sent a command set of {found}, and this node takes {accepted}: a fault of the peer, "
    "or no DICOM at all.",
    "commitment-awaited": "{peer} has every object and was asked to commit to them; its answer is waited for.",
    "commitment-failed": "{peer} does not commit to {objects} objects that it said it had ({status}): see its "
    "storage; what it does not keep is sent again.",
    "commitment-late": "{peer} has not answered within {hours} hours whether it commits to what it got: see that it "
    "knows this node's receiver, and send again.",
    "commitment-refused": "{peer} does not take a request for storage commitment ({status}): enable it there, or "
    "take `commitment` out of its settings.",
    "conflicting-instance": "Another file with this SOP Instance UID came first and differs in {differing} "
    "(first {first}, this one {second}): compare the two and have the sender correct the UID.",
    "conflicting-patient": "Study {study} belongs to a patient with another {attributes}: correct the wrong one at "
    "its source and send it again under a new study UID.",
    "conflicting-series": "Series {series} belongs to study {first} already: have the sender correct the UID.",
    "channel-unknown": "The settings know no channel {channel} under `notify`: add it, or correct the name.",
    "context-refused": "{peer} does not take SOP class {sop_class} in transfer syntax {transfer_syntax}: "
    "enable it there, or choose another destination.",
    "data-set-empty": "The request for instance {sop_instance} has no data set: a fault of the sender.",
    "database-in-use": "Another node works on the database {database}: stop it, or name another database.",
    "database-missing": "The data folder {data} has received images but no database {database}: restore it, or run "
    "`synthnode archive rebuild`.",
    "database-unavailable": "The database does not answer ({found}): see that it runs and that database.url is right.",
    "delivery-io-failed": "This machine could not read or send ({error}): see its disks and its network; it is tried "
    "again.",
    "delivery-needs-reason": "To send again needs a reason: say what was changed since.",
    "delivery-unknown": "No delivery is called {delivery}.",
    "demo-environment": "{variable} is set in the environment and would change the demo's node: unset it.",
    "demo-node-died": "The demo's node ended (status {status}). It said last: {said}. All of it is in {log}.",
    "demo-node-slow": "The demo's node was not ready after {seconds} s; what it said is in {log}.",
    "demo-out-busy": "Another demo is at work in {folder}: wait for it, or name another folder by --out.",
    "demo-out-foreign": "{folder} holds {found}, which no demo made: name another folder by --out, or remove it.",
    "demo-out-not-writable": "{folder} cannot be made or written ({error}): name another folder by --out.",
    "demo-out-overlaps": "{out} is emptied by the demo, and the study is in {study}, inside it or around it: name a "
    "folder apart from it by --out.",
    "demo-slow": "Study {study} has not come to an end within {seconds} s.",
    "destination-changed": "{destination} has another address in the settings now ({found}) than the one that this was "
    "released to ({released}): nothing is sent there until a person sends it again.",
    "destination-not-research": "{destination} is not marked `research: true` any more, and the result comes from a "
    "model of status reference: mark it again and send again, or leave it.",
    "destination-wants-no-images": "{destination} wants no CT images, and the acceptance phantom is one: there is "
    "nothing to prove.",
    "destination-wants-nothing": "{destination} wants no object of this result ({found}): add a class to its `wants` in"
    " the settings, or release it to another.",
    "destination-other-profile": "{destination} asks for another planning profile than the one that this result is "
    "made for: have it computed again for destinations of one profile.",
    "destination-unknown": "No destination is called {name}; the settings know: {known}.",
    "device-unusable": "The device of this worker cannot be used now ({found}): see its driver; the run waits.",
    "disk-low": "The disk of {machine} has less than {accepted_mb} MB free: make room before nothing can be received.",
    "draft-name-invalid": "{name} is no name for a rule: take up to 64 letters, digits, dots, dashes and underscores.",
    "draft-pipeline-unknown": "There is no pipeline {pipeline}; installed are {known}.",
    "draft-series-none": "No series of the study can fill slot {slot}; of the nearest one {found}.",
    "draft-series-several": "Several series of the study can fill slot {slot}, say which with --series {slot}=UID: "
    "{found}.",
    "draft-series-unfit": "Series {series} cannot fill slot {slot}; of this study can: {known}.",
    "draft-slot-unknown": "Pipeline {pipeline} has no slot {slot}; its slots are {known}.",
    "echo-refused": "{peer} is there and does not answer C-ECHO ({status}): register this node's AE title there.",
    "file-damaged": "The bytes of {file} are not those that were kept: restore it from a backup or have it sent again.",
    "file-missing": "The file {file} of instance {sop_instance} is not there: restore it from a backup.",
    "file-not-dicom": "{file} is no DICOM file that can be sent ({error}): take it out of the folder or repair it.",
    "folder-empty": "{folder} holds no files.",
    "folder-full": "The disk of the folder {folder} is full ({error}): free space there; it is tried again.",
    "folder-missing": "{folder} does not exist.",
    "folder-not-there": "The folder {folder} is not there: mount it or make it; it is tried again.",
    "folder-not-writable": "The folder {folder} cannot be written ({error}): see its mount and its owner; it is tried "
    "again.",
    "http-not-now": "{peer} answers {status} ({error}): it is tried again.",
    "http-refused": "{peer} refuses the request with {status} ({error}): see its address, the token and what it "
    "accepts.",
    "instance-attribute-missing": "The object has no {attribute}: have the sender correct it.",
    "instance-class-mismatch": "The object was sent as SOP class {stated}, but says {found}: have the sender correct "
    "it.",
    "instance-file-missing": "The received file {file} is not in the archive: have it sent again.",
    "instance-not-filed": "It could not be entered into the catalogue ({error}): a fault of this software, told in the "
    "log; the file is kept. Report it, and send the object again after an update.",
    "instance-replaced": "A named person took another file of this instance in its place ({by}).",
    "instance-too-complex": "Its header has {found}, {accepted} can be read here: a fault of the sender, or an attack.",
    "instance-truncated": "The object is cut: {attribute} declares {declared} bytes, {found} are there. Send it again.",
    "instance-uid-invalid": "{attribute} is no UID ({found}): have the sender correct it.",
    "instance-uid-mismatch": "The object was sent as SOP Instance UID {stated}, but says {found}: have the sender "
    "correct it.",
    "instance-unknown": "No instance {sop_instance} is in the archive.",
    "instance-unreadable": "The bytes are no DICOM data set ({found}): have the sender send the object again.",
    "job-given-up": "The job engine gave the job up ({status}); the log has the cause.",
    "journal-not-writable": "The receipt journal in {folder} cannot be written ({error}): check its disk; nothing is "
    "acknowledged until it can.",
    "lease-lost": "This process was taken for dead, since its lease in the database had run out: what it worked on "
    "went to others. It starts anew by itself; if this repeats, look at the machine's load and at the network.",
    "machine-name-taken": "Another machine of this node has the name {machine} and runs {executor}: give each machine "
    "a name of its own (node.machine).",
    "machine-version": "This machine has release {found}, the node was started with {expected}: install that here.",
    "node-not-started": "No `synthnode serve` has worked on the database {database} yet: start it first, on its "
    "machine.",
    "journal-position": "The journal of {receiver} was read by another process meanwhile (expected {expected}, found "
    "{found}).",
    "journal-schema": "The receipt journal has {found}, this software reads schema {accepted}: install the release "
    "that wrote it.",
    "mail-refused": "The mail server of channel {channel} refused the message or a recipient (status {status}): see "
    "the addresses and the server's log.",
    "mail-unreachable": "The mail server of channel {channel} cannot be reached, or not securely ({error}): see its "
    "address, its certificate and `security`.",
    "model-changed": "The installed model {model} has hash {found}, the run was ordered with {expected}: "
    "order a new run, or reinstall that model.",
    "model-folder-missing": "The folder of model packages is not there now ({found}): mount it again; the run waits.",
    "model-missing": "The model {model} is not installed (any more).",
    "model-role-unknown": "The run has no model in the role {role}; it has: {accepted}.",
    "model-unusable": "The installed model cannot be used ({found}): install that package again.",
    "no-dicom-file": "No DICOM file: {found}.",
    "no-node-here": "There is no node in {data} (database {database}): name the data folder by --data or the settings "
    "by --config.",
    "not-paused": "There is no pause of {what}: `synthnode status` shows the pauses.",
    "object-too-large": "The object has {found}, and this node takes {accepted}: raise receive.max_object_mb if "
    "it is meant to come here.",
    "output-unknown": "No run of this node made {sop_instance}: `synthnode status STUDY` lists what was made.",
    "own-object-not-filed": "The own object {sop_instance} conflicts with what the archive has: see what is "
    "quarantined of its study.",
    "own-objects-only": "Only objects that a synthnode made have come for this study.",
    "pause-needs-reason": "A pause needs a reason: others will ask why nothing is computed.",
    "pause-pipeline-unknown": "No pipeline is called {pipeline}; installed are {known}.",
    "paused-already": "{by} paused {what} already: {reason}",
    "pdu-cut": "The peer closed the connection in the middle of a PDU ({found}).",
    "pdu-late": "A PDU began and its end did not come in time ({found}): the peer hangs, or the network loses "
    "what it sends.",
    "pdu-malformed": "A PDU cannot be decoded: a fault of the peer.",
    "pdu-too-large": "The peer announced a PDU that no PDU may be ({found}, {accepted}): a fault of the peer, "
    "or no DICOM at all.",
    "pdu-unknown": "What came is no PDU of DICOM ({found}): something else talks to this port.",
    "pdv-malformed": "A presentation data value has {found} where it may have {accepted}: a fault of the peer.",
    "peer-aborted": "{peer} ended the association before it had answered (at {sop_instance}).",
    "peer-malformed": "{found} names no peer: write AETITLE@HOST:PORT.",
    "peer-stalled": "{peer} had not answered completely after {seconds} s (at {sop_instance}), and the connection was "
    "closed: see what it is busy with.",
    "peer-unreachable": "{peer} cannot be reached: is it running, and is the port open?",
    "peer-without-port": "The settings name no port of peer {name}: add it.",
    "pixel-data-short": "The pixel data are cut: rows, columns and frames ask for {declared} bytes, {found} are "
    "there. Send it again.",
    "port-not-free": "{host}:{port} cannot be listened on ({error}): end what uses the port, or set another one.",
    "process-crashed": "It ended with an unexpected {error}; the log has the trace.",
    "process-ended": "It ended with status {status}; the log of {process} has the cause.",
    "process-hung": "It gave no sign of life and was ended; the log has what it did last.",
    "quarantine-foreign": "Entry {entry} states another {attributes} than what is filed, and kept bytes are never "
    "changed: have it corrected at its source, sent under new UIDs, and discard this one.",
    "quarantine-needs-reason": "To settle what is set apart needs a reason.",
    "quarantine-own-object": "Entry {entry} is another copy of an object that this node made, or says that it is: "
    "discard it.",
    "quarantine-settled": "Entry {entry} is settled already: {how}.",
    "quarantine-unknown": "Nothing that is set apart has the number {entry}.",
    "quarantine-unreadable": "Entry {entry} is no whole DICOM object ({found}): have it sent again, or discard it.",
    "rebuild-unfinished": "A rebuild of the catalogue in {data} was cut short: run `synthnode archive rebuild` again.",
    "receiver-running": "Another process receives as {receiver} into this journal folder.",
    "receipts-unread": "Images were received that are not in the catalogue yet, of study {study} perhaps: see that the "
    "engine runs (`synthnode status`), then try again.",
    "reject-needs-reason": "A rejection needs a reason: --reason.",
    "recall-needs-reason": "A recall needs a reason: --reason.",
    "recall-nothing": "Nothing of study {study} was released, is held or is to be computed: there is nothing to "
    "recall.",
    "recall-unreadable": "No object of run {run} can be read, so that no rejection note can be written: restore the "
    "archive from a backup, then recall it again.",
    "rejected-by-person": "{by} rejected it: {reason}",
    "rejection-first": "The note that rejects run {run} must be at {destination} first: see its delivery.",
    "release-destination-doubled": "Run {run} has a delivery to {destination} already: have that one sent again.",
    "release-needs-reason": "The verdict is {verdict}: a release needs a reason (--reason).",
    "release-never": "A rejected {checks} can never be released.",
    "release-no-destination": "No destination is left for this result: name one that may have it. Withheld are "
    "{withheld}: a result of a model of status reference goes only where the settings mark `research: true`.",
    "release-nothing-held": "No result of study {study} is held.",
    "release-wants-nothing": "None of the destinations wants an object of run {run} ({destinations}): add a class to "
    "their `wants` in the settings, or release it to another.",
    "release-several-held": "Study {study} has several held results: name one by --run ({runs}).",
    "request-incomplete": "The request lacks {lacking}: a fault of the sender.",
    "request-late": "The connection was open and no association request came in time: a port scan, or a peer "
    "that hangs.",
    "request-malformed": "The association request has {found} where {accepted} is expected: a fault of the peer.",
    "result-not-kept": "The result could not be written to {folder} ({error}): free or repair the disk.",
    "result-unreadable": "The kept result {file} cannot be read ({error}): restore it from a backup.",
    "retrieval-association-rejected": "{peer} rejects an association for retrieval: allow this node's AE title to "
    "query and retrieve there.",
    "retrieval-failed": "{peer} ended the retrieval with {status}: see that it knows where to send, and lets this "
    "node retrieve.",
    "returns-not-set": "The settings of {name} do not say how to get back what was sent: set `returns` in its "
    "`deliver`.",
    "routing-failed": "It could not be routed ({error}): a fault of this software, told in the log; the images are "
    "kept, and what is held stays held. It is tried again when the node starts next, or by `synthnode rules apply`. "
    "Report it.",
    "routing-needs-reason": "To have a study decided again needs a reason.",
    "rules-active-already": "Version {number} of the rules is the active one already.",
    "rules-active-changed": "Another person activated version {active} meanwhile: look at it, then decide anew about "
    "version {number}.",
    "rules-changed": "Other rules were activated at this moment: the study is decided by them.",
    "rules-invalid": "The rule file {file} cannot be used: {findings}.",
    "rules-need-note": "Say what is new in it, or why: --note. The note stays with the version and in the audit log.",
    "rules-none": "No rules are active: start the node once (`synthnode serve`), or activate a version.",
    "rules-not-activated": "Version {number} of the rules was not activated: {findings}.",
    "rules-not-decided": "The rules have not decided study {study}: it has not settled, or an instance is set apart "
    "(`synthnode status {study}` tells).",
    "rules-not-yaml": "The rule file {file} is not plain YAML: {error}. Correct it there, quote conditions that begin "
    "with `!` or a quotation mark, and do without aliases.",
    "rules-nothing-before": "The active rules are the first ones: there is nothing to return to.",
    "rules-tab": "The rule file {file} is indented with a tab on line {line}: indent with spaces.",
    "rules-too-large": "The rule file {file} has {found} bytes, accepted are {accepted}: split it or shorten it.",
    "rules-unreadable": "The rule file {file} cannot be read ({error}): see that it is there and named rightly.",
    "rules-unusable": "Version {number} of the rules, which is active, cannot be used here: {found}. Studies wait for "
    "that: install or configure what it names, or activate another version (`synthnode rules activate`).",
    "rules-version-known": "This file is version {number} of the rules already.",
    "rules-version-unknown": "There is no version {number} of the rules; the latest is {latest}.",
    "run-crashed": "The computation ended with an unexpected {error}; the log has the trace.",
    "run-cancelled": "Ended by {by} before it had a result: {reason}.",
    "run-needs-reason": "To compute run {run} again, or to end it, needs a reason: say it with --reason.",
    "run-not-ended": "Run {run} is {state}: it can be computed again when it has ended.",
    "run-not-released": "Run {run} is not released.",
    "run-not-started": "Run {run} has not started.",
    "run-of-other-study": "Run {run} belongs to study {found}, not to study {study}.",
    "run-ordered-already": "Run {run} of the same computation is {state}: wait until it has ended, then look at it.",
    "run-outside-hours": "Runs of class {priority} start in their hours only: it waits for {begin}.",
    "run-outdated": "More images came in, and the study as it now is orders no such run: see there why.",
    "run-paused": "It waits: {by} paused {what} ({reason}); `synthnode node resume` lets it start.",
    "run-pipeline-missing": "The pipeline {pipeline} is not installed any more.",
    "run-recalled": "{by} recalled it: {reason}",
    "run-repeated": "A named person had it computed again, as run {by}.",
    "run-replaced": "Run {by} was released in its place: more images had come in.",
    "run-superseded": "Replaced by run {by}: more images came in.",
    "run-unknown": "No run is called {run}.",
    "scanner-silent": "{peer} has sent nothing for more than {accepted} hours: see that it runs and reaches this node.",
    "schema-references": "After the migration rows of the database would refer to rows that are not there ({found}): "
    "nothing was changed. Restore the database, or report this.",
    "schema-revision": "The database has schema revision {found}, this software needs {expected}: run "
    "`synthnode serve`, which migrates, or install the release that wrote it.",
    "run-file-unusable": "{file} cannot be used ({found}): a study with a damaged object is not computed. Take the "
    "study from its source again.",
    "run-instance-conflict": "{first} and {second} are two different objects under one SOP Instance UID: keep the "
    "right one.",
    "run-no-dicom": "None of the {files} files in {folder} is a DICOM object.",
    "run-no-rule": "No rule says which series {pipeline} takes: name a rule file with --rules, or fill its slots by "
    "SeriesDescription with --slot NAME=PATTERN (it has {slots}).",
    "run-out-not-empty": "{out} exists and is no empty folder: name another for the result.",
    "run-out-not-writable": "The result cannot be written to {out} ({error}).",
    "run-out-overlaps": "{out} and {folder} lie one inside the other: name a folder for the result "
    "apart from the study.",
    "run-rules-several": "Several rules order {pipeline} and would compute different things: {rules}. Name a rule "
    "file with one of them, or fill the slots with --slot.",
    "run-series-ambiguous": "{found} series fit the slot {slot}: {descriptions}. Choose one by SeriesDescription with "
    "--slot {slot}=PATTERN.",
    "run-series-missing": "No series fits the slot {slot}: {found}.",
    "run-several-studies": "{folder} holds {found} studies, of {first} and {second} for example: name the "
    "folder of one.",
    "run-role-unknown": "{pipeline} has no model in the role {role}; it has {known}.",
    "run-slot-unknown": "There is no slot {slot}; the pipeline has {known}.",
    "run-time-invalid": "The time {found} is no ISO time with an offset, as 2026-01-31T12:00:00+00:00 is.",
    "secret-unusable": "The secret of channel {channel} cannot be used ({found}): name a file that this node can read "
    "and that holds at least 16 bytes.",
    "settings-invalid": "{file}: {findings}",
    "settings-not-yaml": "{file} is no YAML of settings: {error}",
    "settings-unreadable": "{file} cannot be read: {error}.",
    "state-changed": "The {thing} is not in state {seen} any more: another changed it at the same moment. "
    "Look at its state, then try again if it still makes sense.",
    "shared-folder-copy": "{folder} is a copy of the node's shared folder, or an old state of it: mount the one that "
    "the node works on.",
    "shared-folder-foreign": "{folder} belongs to another node than the database {database}: look at the settings "
    "shared, data and database.url.",
    "shared-folder-missing": "{folder} does not hold the node's files: mount the shared folder there, or put it back "
    "from the backup.",
    "shared-mount-unsafe": "{folder} lies on {mounted}, mounted with `{found}`: {why}. Mount it `hard`, with NFS 4.",
    "worker-needs-postgresql": "A worker on a machine of its own works on the database of its node, and that must be "
    "PostgreSQL (database.url).",
    "state-transition": "A {thing} in state {current} cannot become {new}.",
    "store-not-now": "{peer} could not store instance {sop_instance} (status {status}) and is tried again: see its "
    "disk and database.",
    "store-refused": "{peer} refused instance {sop_instance} with status {status}: see its log, then send again.",
    "stow-answer-unreadable": "{peer} answered what is no DICOM JSON ({error}): see that its address is a STOW-RS "
    "service.",
    "stow-object-not-named": "{peer} did not say what became of instance {sop_instance}: ask there; it is not taken "
    "for stored.",
    "study-file-cut": "{file} is not whole ({found}): copy it again from where it came, or take it out of the folder.",
    "study-further-destinations": "The rules send run {run} to {destinations} as well, but it is {state} already: "
    "release it further to them, or leave it.",
    "study-needs-reason": "To declare study {study} complete needs a reason: how is it known that nothing more comes?",
    "study-no-dicom": "{folder} holds no DICOM object; its first file is {file}. Name the folder with the study's "
    "DICOM files.",
    "study-no-folder": "{file} is a file, not a folder: name the folder that holds the study's DICOM files.",
    "study-not-receiving": "Study {study} is {state}: it waits for nothing more.",
    "study-quarantined": "{count} instances of this study were set apart ({codes}): what is here may not be the whole "
    "study. Send the right instances again; conflicting ones need a person.",
    "study-recalled": "{by} recalled what was computed for this study: {reason}",
    "study-receiving": "More images of study {study} came in: wait until it has settled, then look at what is held.",
    "study-rules-conflict": "Rules {rules} order different computations of one task at priority {priority}: each "
    "result is held. Release one and reject the other, and correct the rules: `synthnode rules check`.",
    "study-several": "{folder} holds {studies} studies (one in {first}, another in {second}): name a folder with one.",
    "study-unknown": "No study {study} has come.",
    "study-unrouted": "No rule takes this study. {nearest}",
    "study-waits-already": "Study {study} waits to be decided already: it settles when it has been quiet.",
    "tls-file-unusable": "TLS cannot be set up with {files} ({error}): see that they are PEM files that the node may "
    "read.",
    "tls-not-established": "No encrypted connection to {peer} comes about: it is away, speaks no TLS, or its "
    "certificate is not trusted; it is tried again.",
    "tls-refused": "{peer} has a certificate that is not trusted ({error}): name its authority by ca_file, or correct "
    "it there.",
    "token-unusable": "The token file {file} cannot be used ({error}): write the token into it, readable by the node.",
    "too-many-contexts": "{found} combinations of SOP class and transfer syntax do not fit one association "
    "(at most {accepted}): send fewer kinds at once.",
    "uid-invalid": "{attribute} of the request is no UID ({found}): a fault of the sender.",
    "webhook-refused": "The receiver of channel {channel} answered with status {status}: see its log.",
    "webhook-unreachable": "The receiver of channel {channel} cannot be reached ({error}): see that it runs, and its "
    "address and certificate.",
}
"""English template by code, in alphabetical order."""


def text(reason: Reason) -> str:
    """Return the sentence for `reason`; an unknown code shows itself with its parameters.

    So does one of which a parameter is missing: an earlier version wrote it, whose sentence needed less.
    """
    template = TEXTS.get(reason.code)
    if template is not None:
        try:
            return template.format_map(reason.parameters)
        except (KeyError, IndexError):
            pass
    return pipeline_reasons.text(reason)


def sentence(code: str | None, parameters: Mapping[str, Any] | None) -> str:
    """Return the sentence for a reason as rows keep it; empty where there is none."""
    return "" if code is None else text(Reason(code, parameters or {}))
