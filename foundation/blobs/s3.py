"""Blobs in S3 or a compatible store. One PUT a blob, checked by its sha256 on the way, so it appears whole."""

import base64
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, Self, cast
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from foundation.blobs.kinds import Blob, BlobExists, BlobMissing, StorageFull, Writer, full_disk_said

CONFIG = Config(
    # boto3 sends CRC32 trailers by default, which several compatible stores refuse; we send a sha256 of our own.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=3,
    read_timeout=20,
)
SPOOL_BYTES = 8 << 20  # larger blobs wait on disk until their digest is known
MISSING = {"404", "NoSuchKey", "NotFound"}
TAKEN = {"412", "PreconditionFailed"}
FULL = {"507", "InsufficientCapacity", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}


class S3Store:
    """A prefix in a bucket. Credentials come from where boto3 looks: environment, profile, instance role."""

    def __init__(self, bucket: str, prefix: str, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self.client: Any = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=CONFIG)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """``s3://bucket/prefix?endpoint_url=...&region=...``. Raises ValueError."""
        split = urlsplit(url)
        query = parse_qs(split.query)
        unknown = set(query) - {"endpoint_url", "region"}
        if not split.netloc or unknown:
            raise ValueError(
                f"STORAGE_URL is {url!r}; allowed is s3://bucket/prefix?endpoint_url=...&region=... Correct it."
            )
        return cls(split.netloc, split.path, **{name: values[0] for name, values in query.items()})

    def name(self, key: str) -> dict[str, str]:
        """Bucket and full key, as boto3 wants them."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{key}" if self.prefix else key}

    def writer(self, key: str) -> "S3Writer":
        """See blobs.writer."""
        return S3Writer(self, key)

    def open(self, key: str) -> BinaryIO:
        """See blobs.open."""
        return self._get(key)

    def open_range(self, key: str, start: int, length: int) -> BinaryIO:
        """See blobs.open_range."""
        size = self.find_size(key)
        if size is None:
            raise BlobMissing(key)
        if length <= 0 or start >= size:  # S3 refuses an empty range, a file does not
            return io.BytesIO()
        return self._get(key, Range=f"bytes={start}-{start + length - 1}")

    def find_size(self, key: str) -> int | None:
        """Bytes, or None where there is no blob."""
        try:
            return int(self.client.head_object(**self.name(key))["ContentLength"])
        except ClientError as error:
            if _code(error) in MISSING:
                return None
            raise

    def delete(self, key: str) -> None:
        """See blobs.delete; S3 does not mind a missing key either."""
        self.client.delete_object(**self.name(key))

    def fetch(self, key: str, path: Path) -> None:
        """See blobs.fetch: written beside and renamed."""
        part = path.with_name(f".{path.name}.part")
        try:
            with full_disk_said(key), self.open(key) as body, part.open("wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _get(self, key: str, **more: str) -> BinaryIO:
        try:
            return cast("BinaryIO", self.client.get_object(**self.name(key), **more)["Body"])
        except ClientError as error:
            if _code(error) in MISSING:
                raise BlobMissing(key) from error
            raise


class S3Writer(Writer):
    """Spools until the digest is known, then one PUT."""

    def __init__(self, store: S3Store, key: str) -> None:
        super().__init__(key, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 -- closed by close()
        self._store = store

    def commit(self, *, once: bool = False) -> Blob:
        """See Writer.commit."""
        self._file.seek(0)
        checksum = base64.b64encode(self._digest.digest()).decode()
        condition = {"IfNoneMatch": "*"} if once else {}
        try:
            self._store.client.put_object(
                **self._store.name(self._key),
                Body=self._file,
                ContentLength=self._size,
                ChecksumSHA256=checksum,
                **condition,
            )
        except ClientError as error:
            _say(error, self._key)
        return Blob(self._key, self.sha256, self.size)

    def close(self) -> None:
        """Forget the spool."""
        self._file.close()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _say(error: ClientError, key: str) -> None:
    if _code(error) in TAKEN:
        raise BlobExists(f"There is a blob already at {key}") from error
    if _code(error) in FULL:
        raise StorageFull(f"No room in the storage for {key}; make room and try again") from error
    raise error
