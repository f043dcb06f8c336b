#!/bin/sh
# What the tests need from the system: Chromium, a Redis server, a Korean font; libfaketime, without which the tests of
# clocks that jump are skipped. Installed by apt as root or through sudo.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
find /usr/share/fonts -iname '*nanum*' 2>/dev/null | grep -q . || missing="$missing fonts-nanum"
welcome=""
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || welcome=" libfaketime"
[ -n "$missing$welcome" ] || exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$sudo" ] || $sudo true 2>/dev/null; }; then
  echo "installing system packages for the tests:$missing$welcome"
  export DEBIAN_FRONTEND=noninteractive
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing $welcome; } >/tmp/ticker-apt.log 2>&1 ||
    { tail -n 3 /tmp/ticker-apt.log; exit 1; }
elif [ -z "$missing" ]; then
  echo "without$welcome some tests are skipped"
else
  echo "the tests need these system packages; install them and run again:$missing" >&2
  exit 1
fi
