#!/bin/sh
# venv.sh FOLDER PYTHON…: a virtual environment of the first of these that is Python 3.11 or newer.
folder=$1
shift
for python in "$@"; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    if ! "$python" -c 'import venv, ensurepip' 2> /dev/null; then
      echo "$python has no venv. On Debian or Ubuntu install the package python3-venv." >&2
      exit 1
    fi
    echo "making $folder with $("$python" --version)"
    exec "$python" -m venv "$folder"
  fi
done
echo "$folder needs Python 3.11 or newer, and none of these is that: $*" >&2
exit 1
