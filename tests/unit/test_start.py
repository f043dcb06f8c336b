"""How every command begins."""

import gc

from ticker.start import start


def test_no_collection_of_garbage_looks_at_what_was_imported() -> None:
    async def frozen() -> int:
        return gc.get_freeze_count()

    try:
        assert start(frozen()) > 10_000
    finally:
        gc.unfreeze()
