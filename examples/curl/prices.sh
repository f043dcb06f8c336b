#!/bin/sh
# Prices with curl and jq. `sh prices.sh [URL] [BOARD]`: the board once, then every change as it comes.
set -eu
url=${1:-http://127.0.0.1:8080}
board=${2:-krw}

# The board as it is now. -f: an error is an exit code; --compressed: a fifth of the bytes.
curl -sSf --compressed "$url/v1/snapshot/$board" |
  jq -r '.rows[] | [.symbol, .name, .price // "-", (.change_pct // "-") + " %", .state] | @tsv'

# Polling instead? Send back the ETag; the answer is an empty 304 until something changes:
#   curl -sSf --compressed --etag-compare etag --etag-save etag -o board.json "$url/v1/snapshot/$board"

# Every change. A snapshot comes first and whenever the board changes; an update's rows hold what changed.
# When the connection ends (a restart, a network that went away) curl ends too: come back after a random while.
while :; do
  curl -sSfN "$url/v1/events/$board" | sed -un 's/^data: //p' |
    jq --unbuffered -r 'select(.type == "update") | .rows[] | [.symbol, .price, (.change_pct // "-") + " %"] | @tsv' ||
    true
  sleep "$(awk 'BEGIN { srand(); print 1 + rand() * 9 }')"
done
