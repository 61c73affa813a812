"""A collector of syslog over TLS, as a process: it appends what each connection sends to a file of its own.

Usage: tls_collector.py PORT CERTIFICATE KEY FOLDER DIES_AFTER. With DIES_AFTER above 0 it dies, as by SIGKILL, once it
has read so many bytes; with "hangs" it accepts and reads nothing; with "loses" it reads each connection to its end,
writes nothing and closes it without close_notify, as one that dies then.
"""

import os
import socket
import ssl
import sys
import time
from pathlib import Path


def main(port: str, certificate: str, key: str, folder: str, dies_after: str) -> None:
    """Take connections, one after the other, for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", int(port))) as listening:
        while True:
            plain, _ = listening.accept()
            if dies_after == "hangs":
                time.sleep(600)
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    if dies_after == "loses":
                        while secure.recv(1000):
                            pass
                        continue
                    _take(secure, Path(folder), int(dies_after))
            except OSError:
                continue


def _take(secure: ssl.SSLSocket, folder: Path, dies_after: int) -> None:
    taken = 0
    with (folder / f"{time.time_ns()}.received").open("wb", buffering=0) as file:
        while block := secure.recv(1000):
            file.write(block)
            taken += len(block)
            if 0 < dies_after <= taken:
                os._exit(9)
    # It has written everything, and says so.
    secure.unwrap()


if __name__ == "__main__":
    main(*sys.argv[1:])
