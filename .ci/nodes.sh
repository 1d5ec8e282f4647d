#!/usr/bin/env bash
# The packed command and the packed library, installed as a user installs them, on each version of Node that they support: an
# emulator, `serve --tokens`, and a token by curl; and a token of a program without Effect, by `import` and by `require`.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
path=$PATH
pids=()
end() {
  kill "${pids[@]}" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf "$work"
}
trap end EXIT

npm run --silent build:packages
npm pack --silent --workspace @effect-feishu/cli --workspace @effect-feishu/core --pack-destination "$work" > /dev/null

# Waits until a file has a line with these words, for a minute at most.
await() {
  for _ in $(seq 600); do
    if grep -q "$1" "$2" 2> /dev/null; then return; fi
    sleep 0.1
  done
  echo "no '$1' in $2:" && cat "$2" && exit 1
}

# A program that has a token of a tenant, by its own webhook.
program='
const feishu = createFeishuFromEnv()
const server = createServer(feishu.webhook.node)
server.listen(Number(process.env.PORT), async () => {
  const token = await feishu.tenantToken("tenant_1")
  console.log(token.slice(0, 2))
  server.close()
  server.closeAllConnections()
  await feishu.close()
})'

# The package of the platform has the runtime itself. The package "node" would install it in a script, by a second npm.
runtime="node-$(node --print 'process.platform + "-" + process.arch')"

for version in 20.19.0 22 24; do
  project="$work/$version"
  mkdir -p "$project"
  cd "$project"
  echo '{ "private": true }' > package.json
  # By the machine's own Node and not by "--prefix": npm reads the settings of the machine from beside its Node or its prefix.
  PATH="$path" npm install --no-audit --no-fund --no-update-notifier "$runtime@$version" "$work"/*.tgz
  export PATH="$project/node_modules/$runtime/bin:$project/node_modules/.bin:$path"
  port=$((41000 + ${version%%.*}))
  feishu-ticket emulator --port 0 --request-url "http://127.0.0.1:$port/webhook/event" --write-env emulated.env > emulator.log 2>&1 &
  pids+=($!)
  await "has all of these variables" emulator.log
  feishu-ticket serve --dotenv emulated.env --port "$port" --store memory --tokens --tokens-port 0 --drop-events > serve.log 2>&1 &
  serve=$!
  pids+=($serve)
  await "^tokens " serve.log
  address=$(sed -n 's/^tokens *//p' serve.log)
  curl -sSf --max-time 60 "$address/v1/tenants/tenant_1/token" | grep -q '"token":"t-'
  kill -TERM $serve
  wait $serve
  echo "feishu-ticket $(feishu-ticket --version) on Node $(node --version): a token"

  {
    echo 'import { createFeishuFromEnv } from "@effect-feishu/core/promise"'
    echo 'import { createServer } from "node:http"'
    echo "$program"
  } > by-import.mjs
  {
    echo 'const { createFeishuFromEnv } = require("@effect-feishu/core/promise")'
    echo 'const { createServer } = require("node:http")'
    echo "$program"
  } > by-require.cjs
  for file in by-import.mjs by-require.cjs; do
    printed=$(PORT=$port timeout 60 node --env-file=emulated.env $file 2>&1)
    [ "$printed" = t- ] || { echo "$file printed: $printed"; exit 1; }
    echo "$file on Node $(node --version): a token without Effect"
  done
  cd - > /dev/null
done
