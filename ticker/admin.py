"""I/O: the operator's port: metrics, and whether this process lives and can serve."""

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from ticker.errors import StartError
from ticker.settings import Admin


@asynccontextmanager
async def serve(settings: Admin, figures: CollectorRegistry, ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Serve `/metrics`, `/healthz` and `/readyz` on the admin port while the context lasts."""

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
        await web.TCPSite(runner, settings.host, settings.port).start()
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        where = f"{settings.host}:{settings.port}"
        raise StartError(f"{where} is in use; set admin.port (TICKER_ADMIN__PORT) to another port") from None
    finally:
        await runner.cleanup()
