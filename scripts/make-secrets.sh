#!/usr/bin/env bash
# Makes the files in secrets/ that docker-compose.yml reads. What is there already stays.
#   scripts/make-secrets.sh [APP_SECRET]      without one, a random one, good for the simulator only
set -euo pipefail
cd "$(dirname "$0")/.."

# The folder keeps others on this machine out; the files are readable because the users inside the
# containers (node, postgres) have other ids than the one who runs this.
mkdir -p secrets
chmod 700 secrets
umask 022

keep() {
  if [[ -s "secrets/$1" ]]; then
    echo "secrets/$1: kept"
  else
    printf '%s\n' "$2" >"secrets/$1"
    echo "secrets/$1: made"
  fi
}

random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

app_secret=${1:-$(random_hex 16)}
if [[ ! $app_secret =~ ^[A-Za-z0-9]{16,128}$ ]]; then
  echo "usage: scripts/make-secrets.sh [APP_SECRET]   (16 to 128 letters and digits)" >&2
  exit 64
fi
if [[ $# -gt 0 ]]; then rm -f secrets/wx_mini_app_secret; fi

# A database that exists keeps its password, so these two are only ever made together.
if [[ -s secrets/database_url && ! -s secrets/postgres_password ]]; then
  echo "secrets/database_url is there without secrets/postgres_password" >&2
  exit 65
fi
keep postgres_password "$(random_hex 24)"
keep database_url "postgres://identity:$(<secrets/postgres_password)@postgres:5432/identity"
keep master_keys "k$(date -u +%Y%m%d):$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
keep wx_mini_app_secret "$app_secret"
