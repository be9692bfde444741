#!/bin/sh
# One git in three meets the fault, while there is one.
fault=$(cat '@FAULT@' 2>/dev/null)
if [ -n "$fault" ] && [ $(($$ % 3)) = 0 ]; then
  case $fault in
    fails) echo 'fatal: unable to create thread: Resource temporarily unavailable' >&2; exit 128 ;;
    fails-after) '@REAL@' "$@"; echo 'error: Input/output error' >&2; exit 128 ;;
    odd) echo 'warning: the moon is full'; exit 0 ;;
    killed) kill -9 $$ ;;
    hangs) sleep 2 ;;
    slow) sleep 0.3 ;;
  esac
fi
exec '@REAL@' "$@"
