# Runs the commands of a page in an empty folder, in one shell. Each command must succeed. $ROOT is
# the project, with the built service.
set -eo pipefail
curl() { command curl --fail-with-body "$@"; }
npx() { "$ROOT/node_modules/.bin/$1" "${@:2}"; }
# Runs a script of package.json without building the service again.
npm() {
  [ "$1" != start ] || { start_and_stop; return; }
  shift
  [ "$1" != --silent ] || shift
  local program
  program=$(node -p "require('$ROOT/package.json').scripts['$1'].split('node ').pop()")
  shift
  [ "$1" != -- ] || shift
  node "$ROOT/$program" "$@"
}
# Starts the service with the settings of the environment, waits until it is ready, and stops it.
start_and_stop() {
  PORT=$START_PORT METRICS_PORT=off STOP_DELAY=0 node "$ROOT/dist/main.js" >started.log &
  local service=$!
  for _ in $(seq 150); do
    ! command curl -fsS "http://127.0.0.1:$START_PORT/readyz" >/dev/null 2>&1 || break
    sleep 0.2
  done
  command curl -fsS "http://127.0.0.1:$START_PORT/readyz" >/dev/null
  kill "$service"
  wait "$service"
}
