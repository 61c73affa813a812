"""What many would write instead of a vault: a FastAPI handler, the AWS Encryption SDK, boto3's upload_fileobj.

A server process of its own, asked like ``bench/server.py``. A recording is sealed with the SDK's own
defaults; a piece of it is heard by opening it from its beginning.
"""

import asyncio
import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import IO, Annotated, Any

import boto3
import uvicorn
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient  # type: ignore[import-untyped]
from fastapi import FastAPI, Request, Response

from bench.sealing import _master
from bench.usage import forget_peak, usage
from vault.sealing.keys import recording_key

_CLIENT = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
_BLOCK = 1024 * 1024
_DEEDS: Mapping[str, Callable[[], Mapping[str, float]]] = {"usage": usage, "forget peak": forget_peak}


def build(endpoint: str, bucket: str) -> FastAPI:
    """Return the app."""
    app, s3 = FastAPI(), boto3.client("s3", endpoint_url=endpoint)
    key = _master(recording_key("rec_bench", secrets.token_bytes(32)))

    def seal(name: str, file: IO[bytes]) -> None:
        file.seek(0)
        with _CLIENT.stream(mode="encrypt", source=file, key_provider=key) as sealed:
            s3.upload_fileobj(sealed, bucket, name)

    @app.put("/recordings/{name}", status_code=201)
    async def take(name: str, request: Request) -> dict[str, str]:
        # As FastAPI's UploadFile does it: what is more than a mebibyte lies on disk, in clear.
        with tempfile.SpooledTemporaryFile(max_size=_BLOCK) as file:
            async for block in request.stream():
                await asyncio.to_thread(file.write, block)
            await asyncio.to_thread(seal, name, file)
        return {"name": name}

    @app.get("/recordings/{name}")
    def piece(name: str, first: Annotated[int, "bytes"], end: Annotated[int, "bytes"]) -> Response:
        body, position = s3.get_object(Bucket=bucket, Key=name)["Body"], 0
        # Not closed: the SDK complains of a message whose end nobody read.
        opened, heard = _CLIENT.stream(mode="decrypt", source=body, key_provider=key), b""
        while position < end and (block := opened.read(_BLOCK)):
            heard += block[max(0, first - position) : end - position]
            position += len(block)
        return Response(heard, media_type="audio/wav")

    return app


async def _serve(config: Mapping[str, str]) -> None:
    settings = uvicorn.Config(
        build(config["endpoint"], config["bucket"]), port=0, http="httptools", lifespan="off",
        access_log=False, log_config=None,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and no event
        await asyncio.sleep(0.01)
    _say({"port": server.servers[0].sockets[0].getsockname()[1]})
    questions = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while question := await questions.readline():
        _say(_DEEDS[json.loads(question)["do"]]())
    server.should_exit = True
    await serving


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve what the first argument describes, until standard input ends."""
    asyncio.run(_serve(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
