#!/bin/sh
# The browser tests need Chromium: install Debian's package where that is allowed, else say what to install and fail.
have() {
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" > /dev/null 2>&1 && return 0
  done
  return 1
}
have && exit 0
if command -v apt-get > /dev/null 2>&1; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo="sudo -n"
  if [ -z "$sudo" ] || $sudo true 2> /dev/null; then
    echo "no Chromium found: installing the package chromium"
    $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium
  fi
fi
have && exit 0
echo "The browser tests need Chromium. Install it (Debian, Ubuntu: sudo apt-get install chromium) and run make test again." >&2
exit 1
