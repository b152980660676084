# SPDX-License-Identifier: Apache-2.0
"""The one error tree. Each class has a stable `code`; each message says what to do next.

MunimentError
├─ InputError                 the caller's input is at fault; nothing was done
│  ├─ MalformedUrl
│  ├─ MalformedId
│  ├─ MalformedDigest
│  ├─ MalformedTime
│  ├─ MalformedCdx
│  ├─ MalformedTimeMap
│  ├─ AddressRefused
│  ├─ InputTooLarge
│  ├─ MalformedBackup         a file that is no whole, sound backup
│  └─ BackupLocked            the passphrase does not open the backup
├─ BackupNotWritten           the backup's file could not be made
├─ RestoreRefused             a restore would replace something, or does not fit
├─ NotFound                   a well-formed name of something that is not here
├─ RecordWithdrawn            a tombstone stands in its place
├─ PartRedacted               these bytes were taken out for good
├─ AccessDenied               not allowed to whoever asks
│  ├─ ApiKeyMissing
│  ├─ ApiKeyUnknown           no such key, or another secret: the two look the same from outside
│  ├─ ApiKeyExpired
│  ├─ ApiKeyRevoked
│  ├─ ScopeMissing
│  └─ RecordRestricted
├─ IdempotencyError
│  ├─ IdempotencyKeyReused
│  ├─ IdempotencyInProgress
│  └─ IdempotencyUnknown
├─ SettingsError              a setting is missing or cannot be used
├─ MalformedEvidence          bytes that should be evidence cannot be read as such
│  ├─ MalformedJson
│  ├─ MalformedEnvelope
│  ├─ MalformedStatement
│  ├─ MalformedInventory
│  ├─ MalformedProofs
│  ├─ MalformedKeyset
│  ├─ MalformedNote           bytes that are no signed note, checkpoint or verifier key
│  ├─ MalformedProof          bytes that are no proof, tile or bundle of a log
│  ├─ MalformedLogEntry
│  ├─ MalformedWarc
│  │  ├─ OversizedRecord      one record is over a limit; those behind it may be sound
│  │  └─ SharedMember         one gzip member holds several records
│  ├─ MalformedZip
│  │  ├─ UnsafeZipName
│  │  ├─ DuplicateZipName
│  │  ├─ ZipSymlink          an entry that is neither a plain file nor a folder
│  │  └─ OversizedZip
│  ├─ MalformedPackage
│  ├─ MalformedBag           a folder or ZIP file that is no exhibit
│  └─ UndecodableBody
├─ LibraryMissing             only some evidence needs it: install it, or ask where it is
├─ RemoteError                another archive's server did not give what was asked for
│  ├─ RemoteRefused           its answer is definite; asking again gives the same
│  └─ RemoteUnavailable       it could not be asked now; try again
├─ TimestampError             a timestamp authority gave no token
│  ├─ TimestampRefused        its answer is definite
│  └─ TimestampUnavailable    it could not be asked now; try again
├─ SigningError
│  ├─ KeyLocked               the private key cannot be opened
│  └─ StatementTooLarge
├─ LogError
│  ├─ LogForkDetected         the log's files, rows and checkpoints contradict each other
│  ├─ LogStopped              a contradiction was found before; nothing is published since
│  ├─ LogKeyMissing           the log's key is not here, or not the one that the keyset lists
│  ├─ WitnessRefused          a witness says no, or answers with something else
│  └─ WitnessUnavailable      a witness could not be asked in time
├─ StorageError
│  ├─ ObjectMissing
│  ├─ ObjectConflict          other bytes lie under a create-once key: an integrity alarm
│  ├─ StorageRefused          the store says no (credentials, permission, lock)
│  └─ StorageUnavailable      the store could not be asked; try again
├─ CatalogError
│  ├─ CatalogMissing
│  ├─ CatalogOutdated
│  ├─ CatalogBusy
│  ├─ CatalogUnavailable      the database's server cannot be reached; try again
│  └─ RequestUnderWay         another process works on the very same request
└─ JobsError
   ├─ JobsUnavailable         the jobs database could not be asked; try again
   ├─ ExecutorLost            another worker has this one's place
   └─ JobPoisonous            its worker died each time that it ran
"""

import datetime as dt


class MunimentError(Exception):
    """Anything that Muniment refuses or cannot do, with a stable code."""

    code = "ERROR"


class InputError(MunimentError):
    """The caller's input is at fault; nothing was done and nothing was spent."""

    code = "INPUT_INVALID"


class MalformedUrl(InputError):
    """A URL that cannot be captured: not http(s), not parseable, or with credentials."""

    code = "URL_MALFORMED"


class MalformedId(InputError):
    """Text that is no record ID by the grammar, whatever the archive holds."""

    code = "ID_MALFORMED"


class MalformedDigest(InputError):
    """Text that is no SHA-256 in any known spelling."""

    code = "DIGEST_MALFORMED"


class MalformedTime(InputError):
    """Text that is no time in a form whose meaning is certain."""

    code = "TIME_MALFORMED"


class MalformedCdx(InputError):
    """A CDX or CDXJ file with a line that has no single reading; the message names it."""

    code = "CDX_MALFORMED"


class MalformedTimeMap(InputError):
    """What another archive gave is no TimeMap in a known form (RFC 7089)."""

    code = "TIMEMAP_MALFORMED"


class AddressRefused(InputError):
    """An address that the guard does not let through: private, loopback, metadata, mapped."""

    code = "ADDRESS_REFUSED"


class InputTooLarge(InputError):
    """Input over a stated limit."""

    code = "INPUT_TOO_LARGE"


class MalformedBackup(InputError):
    """A file that is no backup, or a damaged or cut one; nothing of it is used."""

    code = "BACKUP_MALFORMED"


class BackupLocked(InputError):
    """The passphrase does not open the backup, or is too short to make one with."""

    code = "BACKUP_LOCKED"


class BackupNotWritten(MunimentError):
    """The backup could not be written where it was asked for; nothing stays of it."""

    code = "BACKUP_NOT_WRITTEN"


class RestoreRefused(MunimentError):
    """Something that a restore would replace, or that does not belong to it, is in the way."""

    code = "RESTORE_REFUSED"


class NotFound(MunimentError):
    """A well-formed name of something that this archive does not have."""

    code = "NOT_FOUND"


class RecordWithdrawn(MunimentError):
    """The record was withdrawn; its tombstone tells when, why, and what remains provable."""

    code = "RECORD_WITHDRAWN"


class PartRedacted(MunimentError):
    """The bytes were removed from the archive for good; a signed statement says which, and why."""

    code = "PART_REDACTED"


class AccessDenied(MunimentError):
    """Not allowed to whoever asks."""

    code = "ACCESS_DENIED"


class ApiKeyMissing(AccessDenied):
    """This needs an API key, and none was sent."""

    code = "API_KEY_MISSING"


class ApiKeyUnknown(AccessDenied):
    """The API key is not known here, or its secret is wrong."""

    code = "API_KEY_UNKNOWN"


class ApiKeyExpired(AccessDenied):
    """The API key has expired; ask the operator for a new one."""

    code = "API_KEY_EXPIRED"


class ApiKeyRevoked(AccessDenied):
    """The API key was revoked; ask the operator for a new one."""

    code = "API_KEY_REVOKED"


class ScopeMissing(AccessDenied):
    """The API key lacks the scope that this needs; no scope includes another."""

    code = "SCOPE_MISSING"


class RecordRestricted(AccessDenied):
    """The record is restricted: its content is for keys that were granted it."""

    code = "RECORD_RESTRICTED"


class IdempotencyError(MunimentError):
    """A request with an Idempotency-Key cannot be answered as the same request again."""

    code = "IDEMPOTENCY_FAILED"


class IdempotencyKeyReused(IdempotencyError):
    """The Idempotency-Key was used for another request; a new request needs a new key."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInProgress(IdempotencyError):
    """The first request with this Idempotency-Key is still under way; ask again later."""

    code = "IDEMPOTENCY_IN_PROGRESS"


class IdempotencyUnknown(IdempotencyError):
    """What the first request with this key did is not known: look for it before asking anew."""

    code = "IDEMPOTENCY_UNKNOWN"


class SettingsError(MunimentError):
    """A setting is missing, unknown or cannot be used; the message names it."""

    code = "SETTINGS_INVALID"


class MalformedEvidence(MunimentError):
    """Bytes that should be evidence cannot be read as such."""

    code = "EVIDENCE_MALFORMED"


class MalformedJson(MalformedEvidence):
    """Bytes that the strict JSON reader refuses."""

    code = "JSON_MALFORMED"


class MalformedEnvelope(MalformedEvidence):
    """Bytes that are no DSSE envelope of the one accepted shape."""

    code = "ENVELOPE_MALFORMED"


class MalformedStatement(MalformedEvidence):
    """A payload that is no Statement of an accepted type."""

    code = "STATEMENT_MALFORMED"


class MalformedInventory(MalformedEvidence):
    """Bytes that are no inventory of the accepted version."""

    code = "INVENTORY_MALFORMED"


class MalformedProofs(MalformedEvidence):
    """A batch of proofs that is not what its listing says, or a listing that is none."""

    code = "PROOFS_MALFORMED"


class MalformedKeyset(MalformedEvidence):
    """Bytes that are no keyset of the accepted version, or that hold an unusable key."""

    code = "KEYSET_MALFORMED"


class MalformedNote(MalformedEvidence):
    """Bytes that are no signed note, checkpoint or verifier key of the accepted forms."""

    code = "NOTE_MALFORMED"


class MalformedProof(MalformedEvidence):
    """Bytes that are no inclusion proof, tile or entry bundle of a log."""

    code = "PROOF_MALFORMED"


class MalformedLogEntry(MalformedEvidence):
    """Bytes that are no log entry of the accepted version and schema."""

    code = "LOG_ENTRY_MALFORMED"


class MalformedWarc(MalformedEvidence):
    """Bytes that are no well-formed WARC record; the message names record and offset."""

    code = "WARC_PARSE"


class OversizedRecord(MalformedWarc):
    """A WARC record larger than the limit; what follows it can still be read."""

    code = "WARC_TOO_LARGE"


class SharedMember(MalformedWarc):
    """A gzip member that holds several WARC records, so that none can be read by range."""

    code = "WARC_SHARED_MEMBER"


class MalformedZip(MalformedEvidence):
    """A ZIP file that two readers could read in two ways; the message says where."""

    code = "ZIP_MALFORMED"


class UnsafeZipName(MalformedZip):
    """A ZIP entry whose name could lead out of the folder, or that names different things."""

    code = "ZIP_PATH_UNSAFE"


class DuplicateZipName(MalformedZip):
    """Two ZIP entries with one name, or with names that some file systems take for one."""

    code = "ZIP_DUPLICATE_NAME"


class ZipSymlink(MalformedZip):
    """A ZIP entry that is a link or a device."""

    code = "ZIP_SYMLINK"


class OversizedZip(MalformedZip):
    """A ZIP file, or an entry of it, over a limit."""

    code = "ZIP_TOO_LARGE"


class MalformedPackage(MalformedEvidence):
    """A web archive package that declares nothing that could be read; the message says why."""

    code = "WACZ_DATAPACKAGE"


class MalformedBag(MalformedEvidence):
    """A folder or file that is no BagIt bag of the one form; the message says why."""

    code = "BAG_MALFORMED"


class UndecodableBody(MalformedEvidence):
    """An HTTP body whose transfer or content coding cannot be undone."""

    code = "BODY_UNDECODABLE"


class LibraryMissing(MunimentError):
    """A library that only some evidence needs is not installed here; the message names it."""

    code = "LIBRARY_MISSING"


class RemoteError(MunimentError):
    """Another archive's server did not give what was asked for."""

    code = "REMOTE_FAILED"


class RemoteRefused(RemoteError):
    """The server's answer is definite: asking again gives the same."""

    code = "REMOTE_REFUSED"


class RemoteUnavailable(RemoteError):
    """The server could not be asked, or asks for more patience than there is. Try again.

    `again_at` is when it wants to be asked again, where it says so.
    """

    code = "REMOTE_UNAVAILABLE"

    def __init__(self, message: str, again_at: dt.datetime | None = None) -> None:
        super().__init__(message)
        self.again_at = again_at


class TimestampError(MunimentError):
    """A timestamp authority gave no token."""

    code = "TIMESTAMP_FAILED"


class TimestampRefused(TimestampError):
    """The authority's answer is definite: it gives no token for this, or answers what is none."""

    code = "TIMESTAMP_REFUSED"


class TimestampUnavailable(TimestampError):
    """The authority could not be asked, or is not able to answer now. Try again."""

    code = "TIMESTAMP_UNAVAILABLE"


class SigningError(MunimentError):
    """A statement could not be signed; nothing was stored under its name."""

    code = "SIGNING_FAILED"


class KeyLocked(SigningError):
    """The private key is missing or its passphrase does not open it."""

    code = "KEY_LOCKED"


class SignerUnavailable(SigningError):
    """The private key lies elsewhere and could not be asked to sign now. Try again."""

    code = "SIGNER_UNAVAILABLE"


class StatementTooLarge(SigningError):
    """The bytes to sign exceed 4,096, the most that a cloud KMS signs."""

    code = "STATEMENT_TOO_LARGE"


class LogError(MunimentError):
    """The transparency log could not do what was asked; what is not published stays pending."""

    code = "LOG_FAILED"


class LogForkDetected(LogError):
    """The log's files, rows and checkpoints contradict each other: an integrity alarm."""

    code = "LOG_FORK_DETECTED"


class LogStopped(LogError):
    """A contradiction was found in the log before, and nothing is published until it is solved."""

    code = "LOG_STOPPED"


class LogKeyMissing(LogError):
    """The log's private key cannot be used here, so that no checkpoint can be signed."""

    code = "LOG_KEY_MISSING"


class WitnessRefused(LogError):
    """A witness does not cosign, or what it answered is no cosignature of its key."""

    code = "WITNESS_REFUSED"


class WitnessUnavailable(LogError):
    """A witness could not be asked, or did not answer in time; try again."""

    code = "WITNESS_UNAVAILABLE"


class StorageError(MunimentError):
    """The object store could not do what was asked."""

    code = "STORAGE_FAILED"


class ObjectMissing(StorageError):
    """No object lies under this key."""

    code = "OBJECT_MISSING"


class ObjectConflict(StorageError):
    """Other bytes lie under a create-once key. An integrity alarm, never retried."""

    code = "OBJECT_CONFLICT"


class StorageRefused(StorageError):
    """The store refuses: credentials, permission, lock. Not the same as missing."""

    code = "STORAGE_REFUSED"


class StorageUnavailable(StorageError):
    """The store could not be asked; what it holds is unknown. Try again."""

    code = "STORAGE_UNAVAILABLE"


class CatalogError(MunimentError):
    """The catalogue database could not do what was asked."""

    code = "CATALOG_FAILED"


class CatalogMissing(CatalogError):
    """There is no catalogue where the settings say; `muniment init` makes one."""

    code = "CATALOG_MISSING"


class CatalogOutdated(CatalogError):
    """The catalogue has another schema version: `muniment init` migrates an older one."""

    code = "CATALOG_OUTDATED"


class CatalogBusy(CatalogError):
    """Another process held the catalogue for too long; try again."""

    code = "CATALOG_BUSY"


class CatalogUnavailable(CatalogError):
    """The catalogue's database server could not be reached; what it holds is unknown. Try again."""

    code = "CATALOG_UNAVAILABLE"


class RequestUnderWay(CatalogError):
    """Another process works on the very same request; its record will be the answer."""

    code = "REQUEST_UNDER_WAY"


class JobsError(MunimentError):
    """The jobs database could not do what was asked."""

    code = "JOBS_FAILED"


class JobsUnavailable(JobsError):
    """The jobs database could not be asked; try again."""

    code = "JOBS_UNAVAILABLE"


class ExecutorLost(JobsError):
    """A worker that was taken for dead finds another one in its place; it must end."""

    code = "EXECUTOR_LOST"


class JobPoisonous(JobsError):
    """A job whose worker died each time that it ran; it is not run again."""

    code = "JOB_POISONOUS"
