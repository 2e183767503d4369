#!/bin/sh
# Prints the users of a file like users.acl with the hashes of their passwords in it, for Redis:
#   REDIS_WORKER_PASSWORD=… REDIS_SCHEDULER_PASSWORD=… sh fill_users.sh users.acl > /etc/redis/users.acl
# A role without a password is left out: nobody comes in by it.
set -eu

filled=$(cat "$1")
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
