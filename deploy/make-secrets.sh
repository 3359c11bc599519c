#!/bin/sh
# Creates the secrets of compose.yaml, in secrets/ beside that file. It does not change secrets that exist already.
set -eu
cd "$(dirname "$0")/.."

# The users inside the containers must be able to read the files. The mode of the folder keeps all other users out.
umask 022
mkdir -p secrets
chmod 700 secrets

for name in jwt_secret refresh_secret postgres_password; do
  [ -s "secrets/$name" ] || od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' > "secrets/$name"
done
[ -s secrets/database_url ] ||
  printf 'postgresql://jwtapi:%s@postgres/jwtapi\n' "$(cat secrets/postgres_password)" > secrets/database_url
