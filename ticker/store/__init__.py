"""I/O: the only package that knows Redis.

| key | type | content |
| --- | --- | --- |
| `ticker:v1:fence` | string | number of the collector that may write; a batch with another one is refused |
| `ticker:v1:lease` | string | name of that collector; ends 4 s after its last batch, then another may take over |
| `ticker:v1:heartbeat` | string | ms of the collector's last sign of life |
| `ticker:v1:status` | string | JSON, once a second: exchanges, premiums and incidents (`report.Report`) |
| `ticker:v1:holds` | string | JSON: the last 200 prices that were not believed at once, newest first |
| `ticker:v1:board:NAME` | hash | `revision`, `ts`, and symbol -> row (JSON, CONTRACT section 3 without the name) |
| `ticker:v1:editor:NAME` | hash | what an editor decided: `notice`, `hidden` (JSON list) |
| `ticker:v1:frozen:NAME` | hash | copy of `board:NAME` from the moment an editor froze it; absent when it moves |
| `ticker:v1:accepts` | list | `SYMBOL/QUOTE` of held prices an editor believes; taken once, within 3 s or never |
| `ticker:v1:edits` | list | JSON: who decided what and when, newest first |
| `ticker:v1:slots` | hash | market (`upbit:BTC/KRW`) -> its place in the packed minutes |
| `ticker:v1:minute:MS` | string | one minute of every market: 8 bytes a slot (`sample.pack`), expires after 26 h |
| `ticker:v1:updates` | channel | `{"fence", "ts", "boards": {NAME: {"revision", "ts", "rows"}}}`; empty: a heartbeat |

An editor's message on the channel carries `"edited": true`: read the boards again. Nothing is published that was not
written in the same script. Whatever is read is checked as if it came from outside.
"""

from ticker.store.connection import FAILURES as FAILURES
from ticker.store.editor import Editor as Editor
from ticker.store.inspector import Inspector as Inspector
from ticker.store.reader import Reader as Reader
from ticker.store.reader import Update as Update
from ticker.store.reasons import why as why
from ticker.store.writer import Emptied as Emptied
from ticker.store.writer import Fenced as Fenced
from ticker.store.writer import Writer as Writer
