# SPDX-License-Identifier: Apache-2.0
"""Uploads in parts, for files above what one PUT takes (5 GiB on Amazon's S3).

Each part is sent with its SHA-256. The digest that a server then gives for the whole is one of
part digests, no digest of the object; whoever needs that must read the object back.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from archive.storage._source import opened_source, read_piece

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_log = logging.getLogger(__name__)

_MEBIBYTE = 1 << 20
_PARTS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class UploadSizes:
    """Above how many bytes a file is uploaded in parts, and of how many at least each is.

    By S3's rules a PUT takes 5 GiB, an upload 10,000 parts, and a part but the last is of 5 MiB
    or more. One part is held in memory.
    """

    single_bytes: int = 5 * 1024 * _MEBIBYTE
    part_bytes: int = 64 * _MEBIBYTE

    def part_bytes_of(self, size: int) -> int:
        """The size of each part of a file, so that 10,000 are enough."""
        return max(self.part_bytes, -(-size // _PARTS_LIMIT))


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload in parts. `target` names bucket and key, `creation` what the object is made with.

    `conditions` are those of completing it.
    """

    client: "S3Client"
    target: dict[str, Any]
    creation: dict[str, Any]
    conditions: dict[str, Any]

    def send(self, path: Path, part_bytes: int) -> None:
        """Upload the file and complete the upload. Raises ClientError, InputError.

        An upload that fails is given up, so that the server keeps no parts of it.
        """
        begun = self.client.create_multipart_upload(
            **self.target, ChecksumAlgorithm="SHA256", **self.creation
        )
        upload_id = begun["UploadId"]
        try:
            parts = self._send_parts(upload_id, path, part_bytes)
            self.client.complete_multipart_upload(
                **self.target,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                **self.conditions,
            )
        except BaseException:
            self._give_up(upload_id)
            raise

    def _give_up(self, upload_id: str) -> None:
        try:
            self.client.abort_multipart_upload(**self.target, UploadId=upload_id)
        except ClientError as error:
            # What went wrong before this is what the caller must hear of.
            _log.warning("parts of an upload stay on the server: %s", error.response["Error"])

    def _send_parts(
        self, upload_id: str, path: Path, part_bytes: int
    ) -> list["CompletedPartTypeDef"]:
        parts: list[CompletedPartTypeDef] = []
        with opened_source(path) as file:
            while data := read_piece(path, file, part_bytes):
                checksum = sha256_base64(data)
                number = len(parts) + 1
                answer = self.client.upload_part(
                    **self.target,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=data,
                    ChecksumSHA256=checksum,
                )
                parts.append(
                    {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
                )
        return parts


def sha256_base64(data: bytes) -> str:
    """The SHA-256 of the data as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
