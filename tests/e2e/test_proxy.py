"""Exchanges that can only be reached through an HTTP proxy, over TLS, as in most company networks."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import certificates
from tests.program import Program, until
from ticker import clock, sim

HOST = "exchange.test"
"""A name that only the proxy knows."""
LOGIN = "user:secret"


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes both ways until one side ends."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))


class Proxy:
    """Takes CONNECT, and only that, from those who know the password; ends TLS where the exchange would."""

    def __init__(self, tls: ssl.SSLContext, exchange: int) -> None:
        self.asked: list[str] = []
        self.port = 0
        self._tls = tls
        self._exchange = exchange
        self._far = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        far = await asyncio.start_server(self._end_tls, "127.0.0.1", 0, ssl=self._tls)
        near = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._far, self.port = far.sockets[0].getsockname()[1], near.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            near.close()
            far.close()

    async def _end_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await join(reader, writer, self._exchange)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.partition(" HTTP/")[0])
        known = f"Basic {base64.b64encode(LOGIN.encode()).decode()}" in head
        if not head.startswith(f"CONNECT {HOST}:") or not known:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await join(reader, writer, self._far)


@pytest.mark.parametrize("setting", ["TICKER_NETWORK__PROXY", "HTTPS_PROXY"])
async def test_prices_and_history_come_through_the_proxy(tmp_path: Path, redis_url: str, setting: str) -> None:
    """Seen failing with a websocket, and with a REST request, that goes around it."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    folder = await asyncio.to_thread(certificates.make, tmp_path / "tls", f"DNS:{HOST}")
    tls.load_cert_chain(folder / "own.pem", folder / "own.key")
    (venue,) = [one for one in sim.venues(sim.World(clock.now().wall), clock.now) if one.protocol.name == "upbit"]
    async with sim.serve([venue]) as exchanges:
        inside = urlsplit(exchanges["upbit"].ws_url)
        proxy = Proxy(tls, inside.port or 0)
        async with proxy.open():
            settings = {
                "redis__url": redis_url,
                "boards__krw": '{"quote":"KRW","symbols":["BTC","XRP"],"sources":["upbit"]}',
                "exchanges__upbit__ws_url": f"wss://{HOST}{inside.path}",
                "exchanges__upbit__rest_url": f"https://{HOST}",
            }
            program, server = Program(tmp_path, "collect", **settings), Program(tmp_path, "serve", **settings)
            program.environment |= {setting: f"http://{LOGIN}@127.0.0.1:{proxy.port}"}
            program.environment |= {"SSL_CERT_FILE": str(folder / "ca.pem")}
            await asyncio.to_thread(watch, program, server)
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
    assert "secret" not in program.log.read_text(encoding="utf-8")


def watch(program: Program, server: Program) -> None:
    with program, server:
        server.ready()
        until(lambda: {row["state"] for row in server.rows("krw").values()} == {"live"}, program)
        until(lambda: all(row["basis"] == "history" for row in server.rows("krw").values()), program)
