#!/bin/sh
# Prints the users of a file like users.acl with the hashes of their passwords in it, for Redis:
#   REDIS_WORKER_PASSWORD=… REDIS_SCHEDULER_PASSWORD=… sh fill_users.sh users.acl > /etc/redis/users.acl
# A role without a password is left out: nobody comes in by it.
# Redis 7.0 knows no CLIENT SETINFO, and does not start with a file that names what it does not know; from 7.2 on our
# clients say it on every connection. Which Redis it is, the redis-server here is asked; or say it: REDIS_VERSION=7.0.15
set -eu

filled=$(cat "$1")
version=${REDIS_VERSION:-$(redis-server --version 2>/dev/null | sed -n 's/.* v=\([0-9.]*\).*/\1/p')}
case $version in 7.0.* | 7.0) filled=$(printf '%s\n' "$filled" | sed 's/ +client|setinfo//') ;; esac
for role in dialer scheduler worker http flower; do
  variable=REDIS_$(printf %s "$role" | tr '[:lower:]' '[:upper:]')_PASSWORD
  eval "password=\${$variable:-}"
  if [ -n "$password" ]; then
    hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
    filled=$(printf '%s\n' "$filled" | sed "s/#@$role@/#$hash/")
  else
    filled=$(printf '%s\n' "$filled" | sed "/^user $role /d")
  fi
done
printf '%s\n' "$filled"
