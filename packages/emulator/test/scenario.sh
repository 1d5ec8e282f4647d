#!/usr/bin/env bash
# A day with the emulator, by HTTP only: for those who write their apps and tests in another language than TypeScript.
#
#   scenario.sh COMMAND...    the command that is feishu-ticket, for example: scenario.sh npx feishu-ticket
#
# Needs bash and curl, and node for the app's small server. Prints a line for each check, and ends with 1 at the first that fails.
set -euo pipefail

folder=$(mktemp -d)
pids=()
end() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf "$folder"
}
trap end EXIT

fail() {
  echo "FAILED: $1" >&2
  echo "  status: ${status:-}" >&2
  echo "  body:   ${body:-}" >&2
  exit 1
}
ok() { echo "ok: $1"; }

# call METHOD PATH [BODY [HEADER...]]: sets $status and $body.
call() {
  local method=$1 path=$2 headers=()
  if [ -n "${3:-}" ]; then headers+=(-H "content-type: application/json" -d "$3"); fi
  for header in "${@:4}"; do headers+=(-H "$header"); done
  status=$(curl -sS -o "$folder/body" -w "%{http_code}" -X "$method" ${headers[@]+"${headers[@]}"} "$url$path")
  body=$(< "$folder/body")
}

# expect NAME STATUS [TEXT...]: checks the status, and that the body has each text.
expect() {
  [ "$status" = "$2" ] || fail "$1"
  for text in "${@:3}"; do [[ $body == *"$text"* ]] || fail "$1: no $text"; done
  ok "$1"
}

# refuse NAME TEXT: checks that the body has not the text.
refuse() {
  [[ $body != *"$2"* ]] || fail "$1: $2"
  ok "$1"
}

# field NAME: prints the first text field of that name in the body.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<< "$body" | head -1; }

# until_has FILE TEXT: waits until the file has the text.
until_has() {
  for _ in $(seq 200); do
    if grep -q -- "$2" "$1" 2> /dev/null; then return 0; fi
    sleep 0.1
  done
  fail "no $2 in $1"
}

# --- Start ---------------------------------------------------------------------------------------------------------------

"$@" emulator --port 0 > "$folder/emulator" & pids+=($!)
until_has "$folder/emulator" "^FEISHU_BASE_URL="
url=$(sed -n "s/^FEISHU_BASE_URL=//p" "$folder/emulator")

call GET /healthz
expect "the emulator is healthy" 200 '"status":"ok"'
call GET /_emulator/openapi.json
expect "an OpenAPI document describes the endpoints" 200 '"/_emulator/apps/{appId}/events"'

# --- An app and its request URL --------------------------------------------------------------------------------------------

call PUT /_emulator/apps/cli_day '{"appSecret":"a secret","verificationToken":"a token","tenants":["tenant_1","tenant_2"]}'
expect "an app is added" 204
call PUT /_emulator/apps/cli_bad '{"appSecret":"","tenant":["t"]}'
expect "an app with a wrong field is refused with a sentence" 400 '"message":'
call GET /_emulator/state
expect "the state has the app" 200 '"appId":"cli_day"' '"tenants":["tenant_1","tenant_2"]'
refuse "the refused app is not there" cli_bad

node -e '
  require("node:http").createServer((request, response) => {
    let text = ""
    request.on("data", (chunk) => text += chunk)
    request.on("end", () => {
      require("node:fs").appendFileSync(process.argv[1], text + "\n")
      const { challenge, header, token } = JSON.parse(text)
      if ((token ?? header.token) !== "a token") return response.writeHead(401).end()
      const toast = { toast: { type: "success", content: "pressed" } }
      response.end(JSON.stringify(challenge ? { challenge } : header?.event_type === "card.action.trigger" ? toast : {}))
    })
  }).listen(0, "127.0.0.1", function () { console.log(`port ${this.address().port}`) })
' "$folder/received" > "$folder/server" & pids+=($!)
until_has "$folder/server" "^port "
app="http://127.0.0.1:$(sed -n "s/^port //p" "$folder/server")"

call PUT /_emulator/apps/cli_day/request-url '{"url":"http://127.0.0.1:1/"}'
expect "a request URL that does not answer is refused" 422 "cannot be saved"
call PUT /_emulator/apps/cli_day/request-url "{\"url\":\"$app/events\"}"
expect "a request URL is saved after its handshake" 204

# --- A ticket and tokens ---------------------------------------------------------------------------------------------------

call POST /_emulator/apps/cli_day/tickets
expect "a ticket is pushed and acknowledged" 200 '"outcome":"acknowledged"' '"status":200'
body=$(grep app_ticket "$folder/received" | tail -1)
ticket=$(field app_ticket)
[ ${#ticket} -gt 10 ] || fail "the server received the ticket"
ok "the server received the ticket"

call POST /open-apis/auth/v3/app_access_token "{\"app_id\":\"cli_day\",\"app_secret\":\"a secret\",\"app_ticket\":\"$ticket\"}"
expect "the ticket buys an app access token" 200 '"code":0'
app_token=$(field app_access_token)
call POST /open-apis/auth/v3/tenant_access_token "{\"app_access_token\":\"$app_token\",\"tenant_key\":\"tenant_2\"}"
expect "the app access token buys a tenant access token" 200 '"code":0'
token=$(field tenant_access_token)
call GET /open-apis/tenant/v2/tenant/query "" "authorization: Bearer $token"
expect "the tenant access token calls the platform" 200 '"code":0' tenant_2
call GET /open-apis/tenant/v2/tenant/query "" "authorization: Bearer t-wrong"
expect "a wrong token does not" 400 '"code":9999166'

# --- Answers and faults ----------------------------------------------------------------------------------------------------

call POST /_emulator/answers '{"method":"POST","path":"/open-apis/im/v1/messages","body":{"code":0,"data":{"message_id":"om_1"}}}'
expect "an answer is set" 204
call POST /open-apis/im/v1/messages '{"content":"hello"}' "authorization: Bearer $token"
expect "the path has this answer" 200 '"message_id":"om_1"'

call POST /_emulator/faults '{"calls":[{"fault":{"_tag":"Refuse","code":99991400,"status":429,"resetSeconds":3},"next":1}]}'
expect "a fault is set" 204
call POST /open-apis/im/v1/messages '{}' "authorization: Bearer $token"
expect "the next call goes wrong" 429 '"code":99991400'
call POST /open-apis/im/v1/messages '{}' "authorization: Bearer $token"
expect "the call after it does not" 200 om_1
call POST /_emulator/faults '{"calls":[{"fault":{"_tag":"Explode"}}]}'
expect "a fault that does not exist is refused with a sentence" 400 '"message":'

# --- Events and callbacks --------------------------------------------------------------------------------------------------

call POST /_emulator/apps/cli_day/events '{"type":"im.message.receive_v1","tenantKey":"tenant_2","payload":{"text":"an event of the day"}}'
expect "an event is pushed and acknowledged" 200 '"outcome":"acknowledged"'
grep "an event of the day" "$folder/received" | grep -q '"tenant_key":"tenant_2"' || fail "the server received the event"
ok "the server received the event"
call POST /_emulator/apps/cli_day/callbacks '{"type":"card.action.trigger","payload":{"action":{"tag":"button","value":{"n":1}}}}'
expect "a press of a button shows a toast" 200 '"content":"pressed"'
call PUT /_emulator/faults '{"pushes":[{"fault":{"_tag":"Lost"}}]}'
call POST /_emulator/apps/cli_day/events '{"type":"im.message.receive_v1"}'
expect "a push is lost by a fault" 200 '"outcome":"lost"' '"status":null'

# --- The clock -------------------------------------------------------------------------------------------------------------

call POST /_emulator/clock '{"advance":"121 minutes"}'
expect "the clock runs forward" 200 '"advanced":7260000'
call GET /open-apis/tenant/v2/tenant/query "" "authorization: Bearer $token"
expect "the tenant access token has expired" 400 '"code":9999166'
call POST /_emulator/clock '{"advance":"1 hour"}'
call POST /open-apis/auth/v3/app_access_token "{\"app_id\":\"cli_day\",\"app_secret\":\"a secret\",\"app_ticket\":\"$ticket\"}"
expect "the ticket has expired" 200 '"code":10012'
call POST /_emulator/clock '{"advance":"-1 hour"}'
expect "the clock does not run backward" 400 '"message":'

# --- The journal -----------------------------------------------------------------------------------------------------------

call GET "/_emulator/journal?app=cli_day"
expect "the journal has calls, handshakes and pushes" 200 '"_tag":"Call"' '"_tag":"Handshake"' '"_tag":"Push"' '"fault":"Lost"'
refuse "the journal shows no secret" "a secret"
refuse "the journal shows no token" "$token"
id=$(sed 's/},{/}\n{/g' <<< "$body" | grep '"eventType":"im.message.receive_v1"' | head -1 | sed 's/.*"id":\([0-9]*\).*/\1/')
call GET "/_emulator/journal/$id"
expect "an entry has the body that was sent" 200 "an event of the day"
status=$(curl -sS -N --max-time 2 -o "$folder/body" -w "%{http_code}" "$url/_emulator/changes?after=0" 2> /dev/null) || true
body=$(< "$folder/body")
expect "the changes come as server-sent events" 200 "event: entries" "im.message.receive_v1"

# --- Strangers -------------------------------------------------------------------------------------------------------------

call POST /_emulator/reset "" "origin: https://stranger.example"
expect "a page of a stranger is refused" 403 stranger.example
call POST /_emulator/reset "" "host: stranger.example"
expect "a stranger's host name is refused" 403 stranger.example
status=$(curl -sS -o "$folder/body" -w "%{http_code}" -X PUT -d '{}' "$url/_emulator/faults")
body=$(< "$folder/body")
expect "a form is refused" 415 application/json

# --- Reset -----------------------------------------------------------------------------------------------------------------

call PATCH /_emulator/apps/cli_day '{"enabled":false}'
expect "the app is disabled" 204
call POST /_emulator/apps/cli_day/tickets
expect "a disabled app gets no ticket" 409 "gets no ticket"
call POST /_emulator/reset
expect "the emulator is reset" 204
call GET /_emulator/journal
[ "$body" = "[]" ] || fail "the journal is empty after the reset"
ok "the journal is empty after the reset"
call POST /_emulator/apps/cli_day/tickets
expect "the app of the day is gone" 404 cli_day
