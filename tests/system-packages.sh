#!/bin/sh
# What the tests need from the system: Chromium, a Redis server, a Korean font. Installed by apt as root or through sudo.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
find /usr/share/fonts -iname '*nanum*' 2>/dev/null | grep -q . || missing="$missing fonts-nanum"
[ -n "$missing" ] || exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$sudo" ] || $sudo true 2>/dev/null; }; then
  echo "installing system packages for the tests:$missing"
  export DEBIAN_FRONTEND=noninteractive
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing; } >/tmp/ticker-apt.log 2>&1 ||
    { tail -n 3 /tmp/ticker-apt.log; exit 1; }
else
  echo "the tests need these system packages; install them and run again:$missing" >&2
  exit 1
fi
