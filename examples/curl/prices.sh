#!/bin/sh
# Prices with curl and jq. `sh prices.sh [URL] [BOARD]`: the board once, then every change as it comes.
set -eu
url=${1:-http://127.0.0.1:8080}
board=${2:-krw}

# The board as it is now, or the server's own words for why not. --compressed: a fifth of the bytes.
now=$(curl -sS --fail-with-body --compressed "$url/v1/snapshot/$board") || {
  printf '%s' "$now" | jq -r '.error.message' >&2
  exit 1
}
printf '%s' "$now" | jq -r '.rows[] | [.symbol, .name, .price // "-", (.change_pct // "-") + " %", .state] | @tsv'

# Polling instead? Send back the ETag; the answer is an empty 304 until something changes:
#   curl -sSf --compressed --etag-compare etag --etag-save etag -o board.json "$url/v1/snapshot/$board"

# Every change. A snapshot comes first and whenever the board changes; an update's rows hold what changed.
# When the connection ends (a restart, a network that went away) curl ends too: come back after a random while.
# A refusal is JSON without `data:`; bad_… and unknown_… (400, 404) are final, the others pass.
while :; do
  curl -sSN --fail-with-body "$url/v1/events/$board" | sed -un 's/^data: //p; /^{"error"/p' |
    jq --unbuffered -r '
      (.error // empty | .code as $code | "\(.message)\n" | halt_error(if $code | test("^(bad|unknown)_") then 9 else 1 end)),
      (select(.type == "update") | .rows[] | [.symbol, .price, (.change_pct // "-") + " %"] | @tsv)' ||
    [ $? -ne 9 ] || exit 1
  sleep "$(awk 'BEGIN { srand(); print 1 + rand() * 9 }')"
done
