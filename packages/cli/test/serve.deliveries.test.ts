/** What `feishu-ticket serve` does with events and callbacks, and `feishu-ticket replay`, as processes of their own. */
import { EventHandler } from "@effect-feishu/core"
import { Emulator, Journal } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Layer, Queue, Schedule } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { bash } from "./bash.js"
import { documentIn, run } from "./feishuTicket.js"
import * as Servers from "./servers.js"
import {
  app,
  assertNoSecrets,
  documentsIn,
  happened,
  isPush,
  pushIsLost,
  saveUrl,
  serve,
  variables
} from "./serving.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "50 millis" }))

const newFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** An app whose request URL is `serve` with these options. */
const served = (appId: string, args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setApp(app(appId))
    const command = yield* serve(appId, ["--store", "memory", ...args])
    // No ticket comes later, which would be one more delivery.
    yield* pushIsLost(appId)
    yield* saveUrl(appId, command.url)
    return { ...command, emulator }
  })

/** A service of this library's, with the events that it has handled. */
const service = (appId: string, fail = () => false) =>
  Effect.gen(function*() {
    const handled = yield* Queue.unbounded<string>()
    const listener = yield* Servers.webhook(app(appId), yield* newFolder, [
      EventHandler.all(({ id }) => fail() ? Effect.fail("not now") : Effect.asVoid(Queue.offer(handled, id))),
      EventHandler.callback("card.action.trigger", () =>
        Effect.succeed({ toast: { type: "success", content: "pressed" } }))
    ])
    const url = yield* Servers.site({
      events: (request, response) =>
        void listener(request, response)
    })
    return { handled, url: `${url}/events` }
  })

const event = { type: "contact.user.created_v3", payload: { object: { name: "a name" } } }

layer(Live, { excludeTestServices: true, timeout: "40 seconds" })("serve and the other events", (it) => {
  it.scoped("answers 503 and names the event, so that the platform pushes it again", () =>
    Effect.gen(function*() {
      const { emulator, ended, logged, signal } = yield* served("cli_refusing", [])
      const { eventId, ...outcome } = yield* emulator.pushAndWait("cli_refusing", event)
      assert.deepStrictEqual(outcome, { outcome: "refused", status: 503, body: "" })
      yield* logged(
        new RegExp(
          `nothing takes the event ${event.type} ${eventId} of cli_refusing: --forward-to URL .* --drop-events`
        )
      )
      yield* signal("SIGTERM")
      assertNoSecrets((yield* ended).stdout)
    }))

  it.scoped("acknowledges with --drop-events, and answers a callback with {}", () =>
    Effect.gen(function*() {
      const { emulator } = yield* served("cli_dropping", ["--drop-events"])
      assert.deepInclude(yield* emulator.pushAndWait("cli_dropping", event), { status: 200, body: "" })
      const click = { type: "card.action.trigger", payload: { action: { tag: "button", value: {} } } }
      assert.deepStrictEqual(yield* emulator.callback("cli_dropping", click), {})
    }))

  it.scoped("hands an event on, shows both, and answers a card within 3 s", () =>
    Effect.gen(function*() {
      const appId = "cli_forwarding"
      const { handled, url } = yield* service(appId)
      const command = yield* served(appId, ["--forward-to", url, "--json"])
      const { eventId, status } = yield* command.emulator.pushAndWait(appId, event)
      assert.strictEqual(status, 200)
      assert.strictEqual(yield* Queue.take(handled), eventId)
      const click = {
        type: "card.action.trigger",
        payload: { token: "c-0123456789abcdef", action: { tag: "button", value: {} } }
      }
      const [elapsed, answer] = yield* Effect.timed(command.emulator.callback(appId, click))
      assert.deepStrictEqual(answer, { toast: { type: "success", content: "pressed" } })
      assert.isBelow(Duration.toMillis(elapsed), 3000)
      yield* command.printed(/"type":"callback"/)
      yield* command.signal("SIGTERM")
      const { code, stderr, stdout } = yield* command.ended
      assert.strictEqual(code, 0)
      const shown = documentsIn(stdout)
      assert.deepInclude(shown.find(({ type }) => type === "event"), { id: eventId, status: 200, appId })
      const callback = shown.find(({ type }) => type === "callback") as {
        readonly forwarded: { readonly status: number; readonly text: string }
      }
      assert.deepInclude(callback.forwarded, { status: 200, text: JSON.stringify(answer) })
      assertNoSecrets(stdout + stderr, ["c-0123456789abcdef"])
    }))

  it.scoped("answers 503 while the service is away, and loses nothing", () =>
    Effect.gen(function*() {
      const appId = "cli_away"
      const port = yield* Effect.scoped(
        Servers.listen((yield* Effect.promise(() => import("node:http"))).createServer())
      )
      const command = yield* served(appId, ["--forward-to", `http://127.0.0.1:${port}/events`])
      const outcome = yield* command.emulator.pushAndWait(appId, event)
      assert.deepInclude(outcome, { outcome: "refused", status: 503 })
      yield* command.logged(new RegExp(`${outcome.eventId} of ${appId} is not handed on: http://127.0.0.1:${port}`))
      yield* command.emulator.advance("15 seconds")
      yield* happened((entry) => Journal.$is("Push")(entry) && entry.eventId === outcome.eventId && entry.attempt === 2)
    }))

  it.scoped("keeps deliveries as files, which replay sends again", () =>
    Effect.gen(function*() {
      const appId = "cli_saving"
      const folder = yield* newFolder
      let isDown = true
      const { handled, url } = yield* service(appId, () => isDown)
      const command = yield* served(appId, ["--forward-to", url, "--save-deliveries", folder])
      const { eventId, status } = yield* command.emulator.pushAndWait(appId, event)
      assert.strictEqual(status, 500)
      yield* command.printed(/saved as /)
      const files = readdirSync(folder).map((name) => join(folder, name))
      assert.lengthOf(files, 1)
      assert.strictEqual(statSync(files[0] ?? "").mode & 0o777, 0o600)
      assert.include(readFileSync(files[0] ?? "", "utf8"), eventId)

      const env = yield* variables(appId)
      const failed = yield* run(["replay", ...files, "--to", url], { env })
      assert.strictEqual(failed.code, 1, failed.stderr)
      isDown = false
      const done = yield* run(["replay", ...files, "--to", url, "--sign-anew", "--json"], { env })
      assert.strictEqual(done.code, 0, done.stdout)
      assert.strictEqual(yield* Queue.take(handled), eventId)
      assert.deepInclude(documentIn(done.stdout), { ok: true })
      const gone = yield* run(["replay", ...files, "--to", "http://127.0.0.1:9/events"], { env })
      assert.strictEqual(gone.code, 3)
      assertNoSecrets(failed.stdout + failed.stderr + done.stdout + gone.stderr)
    }))

  it.scoped("finishes a delivery that is under way after SIGTERM", () =>
    Effect.gen(function*() {
      const appId = "cli_draining"
      const reached = yield* Queue.unbounded<() => void>()
      const target = yield* Servers.site({
        events: (request, response) => {
          request.resume()
          request.on("end", () => Queue.unsafeOffer(reached, () => void response.end("{}")))
        }
      })
      const command = yield* served(appId, ["--forward-to", `${target}/events`])
      const waiting = yield* Effect.fork(command.emulator.pushAndWait(appId, event))
      const end = yield* Queue.take(reached)
      yield* command.signal("SIGTERM")
      const refuses = Effect.promise(() => fetch(command.url).then(() => false, () => true))
      yield* Effect.repeat(refuses, { until: (refuses) => refuses, schedule: Schedule.spaced("20 millis") })
      end()
      assert.deepInclude(yield* waiting, { outcome: "acknowledged", status: 200 })
      assert.strictEqual((yield* command.ended).code, 0)
    }))

  it.scoped("refuses options that contradict each other, and a target that is serve itself", () =>
    Effect.gen(function*() {
      const env = yield* variables("cli_wrong")
      const wrong: ReadonlyArray<[ReadonlyArray<string>, RegExp]> = [
        [["--forward-to", "http://127.0.0.1:9", "--drop-events"], /contradict each other/],
        [["--forward-to", "ftp://127.0.0.1/x"], /must be an http:\/\/ or https:\/\/ URL/],
        [["--forward-to", "http://localhost:3000/webhook/event"], /is the address of serve itself/],
        [["--tokens-socket", "/tmp/x"], /--tokens-socket belongs to --tokens/],
        [["--tokens-host", "0.0.0.0"], /--tokens-host belongs to --tokens/],
        [["--tokens", "--tokens-socket", "/tmp/x", "--tokens-port", "0"], /contradict each other/],
        [["--apps", "x", "--app-id", "cli_x"], /--apps and --app-id .* contradict each other/],
        [["--port", "0", "--tokens", "--tokens-host", "0.0.0.0"], /needs keys on http:\/\/0\.0\.0\.0:3001/],
        [["--port", "0", "--save-deliveries", "/dev/null/none"], /must be a folder that can be written to/]
      ]
      for (const [args, sentence] of wrong) {
        const { code, stderr } = yield* run(["serve", ...args], { env })
        assert.strictEqual(code, 2, stderr)
        assert.match(stderr, sentence)
      }
    }))

  it.scoped("names no secret of a file that is wrong", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      const env = yield* variables("cli_none")
      const wrong: ReadonlyArray<[string, RegExp]> = [
        [`[{"appId":"cli_x","appSecret":supersecret12345}]`, /--apps \S+ holds no JSON/],
        [`[{"appId":"cli_x","appSecret":12345678,"encryptKey":["supersecret"]}]`, /\[0\]\.appSecret: Expected/],
        [`[{"appId":"cli_x","appSecret":"s","encrypt_key":"supersecret"}]`, /\[0\]\.encrypt_key: is unexpected/],
        [`supersecret`, /holds no JSON/]
      ]
      for (const [text, sentence] of wrong) {
        yield* fs.writeFileString(file, text)
        for (const args of [["--apps", file], ["--apps", file, "--json"]]) {
          const { code, stderr, stdout } = yield* run(["serve", ...args], { env })
          assert.strictEqual(code, 2, stderr)
          assert.match(stderr + stdout, sentence)
          assert.notMatch(stderr + stdout, /supersec|12345678/)
        }
      }
      const keys = yield* run(["serve", "--apps", "-", "--tokens", "--tokens-key-file", "-"], {
        env,
        stdin: "[{\"appId\":\"cli_x\",\"appSecret\":\"s\",\"encryptKey\":\"k\"}]"
      })
      assert.strictEqual(keys.code, 2)
      assert.match(keys.stderr, /--tokens-key-file -: another option reads standard input already/)
    }))

  it.scoped("goes on after the reader of its lines has closed the pipe", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_pipe"))
      const { stdout } = yield* bash(
        `
        exec 3> >(head -1 > "$folder/first"; echo closed > "$folder/closed")
        "$node" "$bin" serve --port 29473 --store memory --drop-events --events --json >&3 2> "$folder/log" & pid=$!
        exec 3>&-
        until [ -e "$folder/closed" ]; do sleep 0.05; done
        curl -sS -X PUT "$FEISHU_BASE_URL/_emulator/apps/cli_pipe/request-url" -H 'content-type: application/json' -d '{"url":"http://127.0.0.1:29473/webhook/event"}'
        for _ in 1 2 3; do
          curl -sS "$FEISHU_BASE_URL/_emulator/apps/cli_pipe/events" -H 'content-type: application/json' -d '{"type":"a.type_v1","payload":{}}' | grep -o '"status":[0-9]*'
        done
        kill -TERM $pid; wait $pid; echo "code $?"
        grep -c "nobody reads standard output" "$folder/log"
      `,
        { ...(yield* variables("cli_pipe")), folder: yield* newFolder }
      )
      assert.strictEqual(stdout, "\"status\":200\n\"status\":200\n\"status\":200\ncode 0\n1\n")
    }))

  it.scoped("finishes what is under way, and ends, after the reader of its log has closed the pipe", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_unread"))
      const arrived = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const on = (deferred: Deferred.Deferred<void>, response: ServerResponse) =>
        Effect.runFork(Effect.andThen(Deferred.await(deferred), Effect.sync(() => response.end("{}"))))
      const target = yield* Servers.site({
        events: (_, response) => {
          Deferred.unsafeDone(arrived, Effect.void)
          on(released, response)
        },
        arrived: (_, response) => on(arrived, response),
        release: (_, response) => {
          Deferred.unsafeDone(released, Effect.void)
          response.end()
        }
      })
      const { stdout } = yield* bash(
        `
        mkfifo "$folder/log"
        cat "$folder/log" > /dev/null & reader=$!
        "$node" "$bin" serve --port 29474 --store memory --forward-to "$target/events" > "$folder/out" 2> "$folder/log" & pid=$!
        until grep -q "^store" "$folder/out"; do sleep 0.05; done
        api="$FEISHU_BASE_URL/_emulator/apps/cli_unread"
        curl -sS -X PUT "$api/request-url" -H 'content-type: application/json' -d '{"url":"http://127.0.0.1:29474/webhook/event"}'
        curl -sS "$api/events" -H 'content-type: application/json' -d '{"type":"a.type_v1","payload":{}}' > "$folder/push" & push=$!
        curl -sS "$target/arrived" > /dev/null
        kill $reader; wait $reader
        # A delivery that is not genuine is logged.
        curl -sS -X POST http://127.0.0.1:29474/webhook/event -H 'content-type: application/json' -d '{}'
        # Without a process for each look, because the platform waits 3 s for the answer, also on a busy machine.
        for _ in $(seq 40); do (: <> /dev/tcp/127.0.0.1/29474) 2> /dev/null || break; sleep 0.05; done
        curl -sS "$target/release"
        wait $push; grep -o '"status":[0-9]*' "$folder/push"
        timeout 10 tail --pid=$pid -f /dev/null || kill $pid
        wait $pid; echo "code $?"
      `,
        { ...(yield* variables("cli_unread")), folder: yield* newFolder, target }
      )
      assert.strictEqual(stdout, "\"status\":200\ncode 141\n")
    }))

  it.scoped("takes several apps at one URL, and says which app an event is for", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      const secretOf = (name: string, appId: string) => `the-${name}-of-${appId}-0123456789`
      const ids = ["cli_many_1", "cli_many_2"]
      yield* fs.writeFileString(
        file,
        JSON.stringify(
          ids.map((appId) => ({ appId, appSecret: secretOf("secret", appId), encryptKey: secretOf("key", appId) }))
        )
      )
      const { Redacted } = yield* Effect.promise(() => import("effect"))
      for (const appId of ids) {
        yield* emulator.setApp({
          appId,
          appSecret: Redacted.make(secretOf("secret", appId)),
          encryptKey: Redacted.make(secretOf("key", appId))
        })
      }
      const command = yield* serve("cli_none", ["--apps", file, "--store", "memory", "--events", "--drop-events"])
      for (const appId of ids) {
        yield* saveUrl(appId, command.url)
        yield* emulator.pushTicket(appId)
        yield* command.printed(new RegExp(`^ticket +${appId}: \\w{4}…`, "m"))
        yield* emulator.pushAndWait(appId, event)
        yield* command.printed(new RegExp(`^event +contact.user.created_v3, \\w+, app ${appId}`, "m"))
      }
      for (const appId of ids) {
        yield* command.logged(new RegExp(`asking the platform for an app ticket app=${appId}$`, "m"))
      }
      assert.strictEqual((yield* command.get("/healthz")).status, 200)
      assert.strictEqual(yield* Effect.map(happened(isPush("cli_many_1", "acknowledged")), ({ _tag }) => _tag), "Push")
      yield* fs.writeFileString(
        file,
        JSON.stringify([{ appId: "cli_x", appSecret: "s" }, { appId: "cli_x", appSecret: "s" }])
      )
      const env = yield* variables("cli_none")
      assert.match((yield* run(["serve", "--apps", file], { env })).stderr, /--apps \S+ has the app cli_x twice/)
      yield* fs.writeFileString(file, JSON.stringify([{ appId: "cli_x", appSecret: "" }]))
      assert.match((yield* run(["serve", "--apps", file], { env })).stderr, /--apps \S+: \[0\]\.appSecret/)
      yield* fs.writeFileString(file, JSON.stringify([{ appId: "cli_x", appSecret: "s" }]))
      assert.match(
        (yield* run(["serve", "--apps", file], { env })).stderr,
        /cli_x of --apps has neither encryptKey nor/
      )
    }))
})
