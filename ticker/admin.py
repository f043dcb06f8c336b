"""I/O: the operator's port: metrics, and whether this process lives and can serve."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from ticker.errors import cannot_listen
from ticker.serve.address import url_of
from ticker.settings import Admin


@asynccontextmanager
async def serve(settings: Admin, figures: CollectorRegistry, ready: Callable[[], bool]) -> AsyncIterator[str]:
    """Serve `/metrics`, `/healthz` and `/readyz` on the admin port while the context lasts; its address."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(figures), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(text="ready\n") if ready() else web.Response(text="not ready\n", status=503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, keepalive_timeout=15)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise cannot_listen(error, "admin", settings.host, settings.port) from None
        yield url_of(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
