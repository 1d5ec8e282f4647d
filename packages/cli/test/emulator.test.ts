/** `feishu-ticket emulator`, alone and with the commands that are used beside it. */
import { EventCrypto } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, it, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Option, Schema, Scope, TestClock } from "effect"
import { createServer } from "node:http"
import { join } from "node:path"
import { parseEnv } from "node:util"
import * as EmulatorCommand from "../src/commands/Emulator.js"
import { bash } from "./bash.js"
import { documentIn, run, secrets, start, startInTerminal } from "./feishuTicket.js"
import * as InProcess from "./inProcess.js"
import { assertNoSecrets, documentsIn, listenOn, screen } from "./serving.js"

const { FEISHU_APP_SECRET: appSecret, FEISHU_ENCRYPT_KEY: encryptKey } = secrets

/** A call as any SDK makes it: its answer. */
const post = (baseUrl: string, path: string, body: Record<string, unknown>) =>
  Effect.promise(async () => {
    const response = await fetch(`${baseUrl}/open-apis/auth/v3/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify(body)
    })
    return await response.json() as Record<string, unknown>
  })

const Message = Schema.decodeSync(Schema.parseJson(Schema.Struct({
  challenge: Schema.optional(Schema.String),
  event: Schema.optional(Schema.Struct({ app_ticket: Schema.String }))
})))

/** A request URL as any language might have it, until the scope ends: its port, and the first ticket that comes. */
const requestUrl = Effect.gen(function*() {
  const ticket = yield* Deferred.make<string>()
  const server = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => void (body += chunk.toString()))
    request.on("end", () => {
      const { encrypt } = JSON.parse(body) as { readonly encrypt: string }
      const { challenge, event } = Message(EventCrypto.decrypt({ encryptKey, encrypted: encrypt }))
      if (event !== undefined) Deferred.unsafeDone(ticket, Exit.succeed(event.app_ticket))
      response.end(JSON.stringify({ challenge }))
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}/events`, ticket: Deferred.await(ticket) }
})

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket emulator", (it) => {
  it.scoped("with serve and token is the whole loop, though nobody is there when it begins", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const file = join(folder, "emulated.env")
      const env = { XDG_STATE_HOME: join(folder, "state") }

      let asked = 0
      const askedThrice = yield* Deferred.make<void>()
      const before = yield* Scope.make()
      const port = yield* listenOn(0, (socket) => {
        socket.destroy()
        if (++asked === 3) Deferred.unsafeDone(askedThrice, Exit.void)
      }).pipe(Scope.extend(before))
      const emulator = yield* start(["emulator", "--port", "0", "--request-url", `http://127.0.0.1:${port}/events`])
      yield* emulator.printed(/^# The platform pushes to http:\/\/127\.0\.0\.1:\d+\/events, .*\n/m)
      yield* Effect.timeout(Deferred.await(askedThrice), "25 seconds")
      yield* Scope.close(before, Exit.void)

      // As it is, however much of it there is by then.
      const text = yield* emulator.stdout
      yield* fs.writeFileString(file, text)
      const serve = yield* start(["serve", "--port", String(port), "--path", "/events", "--dotenv", file], { env })
      yield* serve.printed(/^ticket +\w{4}…, sent at /m)
      const token = (tenant: string) => run(["token", "--tenant", tenant, "--dotenv", file, "--json"], { env })
      const [tenant1, tenant2] = yield* Effect.all([token("tenant_1"), token("tenant_2")], { concurrency: 2 })
      assert.strictEqual(tenant1.code, 0, tenant1.stdout)
      assert.deepInclude(documentIn(tenant1.stdout), { ok: true, appId: "cli_emulated", tenantKey: "tenant_1" })
      // Of those that were not told of, there is only the first.
      assert.strictEqual(tenant2.code, 4, tenant2.stdout)
      assert.deepInclude(documentIn(tenant2.stdout)["error"], { _tag: "FeishuApiError", kind: "AppState" })

      yield* serve.signal("SIGINT")
      const served = yield* serve.ended
      yield* emulator.signal("SIGINT")
      const { code, stderr, stdout } = yield* emulator.ended
      assert.strictEqual(code, 0)
      // Told after some seconds: on a busy machine, `serve` starts later.
      const told = stderr.split("\n").filter((line) => line !== "" && !line.endsWith(" to answer the handshake"))
      assert.deepStrictEqual(told, [])
      const variables = parseEnv(text)
      const names = ["FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"]
      assert.deepStrictEqual(
        Object.keys(variables).toSorted(),
        ["FEISHU_APP_ID", "FEISHU_BASE_URL", ...names].toSorted()
      )
      const madeUp = names.map((name) => variables[name] ?? "")
      assert.strictEqual(new Set(madeUp).size, 3)
      for (const secret of madeUp) {
        assert.match(secret, /^[a-z0-9]{32}$/)
        assert.strictEqual(stdout.split(secret).length, 2, "shown once")
      }
      assertNoSecrets([served.stdout, served.stderr, tenant1.stdout, tenant1.stderr].join("\n"), madeUp)

      const journal = stdout.slice(stdout.indexOf("\n\n") + 2).trimEnd().split("\n")
      for (const line of journal) assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} {2}\S/)
      const count = (pattern: RegExp) => journal.filter((line) => pattern.test(line)).length
      assert.strictEqual(count(/handshake with the request URL of cli_emulated: failed, it cannot be reached$/), 1)
      assert.strictEqual(count(/handshake .*: passed$/), 1)
      assert.strictEqual(count(/POST \/open-apis\/auth\/v3\/app_ticket\/resend by cli_emulated: HTTP 200, code 0$/), 1)
      assert.isAtLeast(count(/push of app_ticket \w+ to cli_emulated, attempt 1: acknowledged with HTTP 200$/), 1)
      assert.strictEqual(count(/tenant_access_token by cli_emulated for tenant_1: HTTP 200, code 0$/), 1)
    }))

  it.scoped("takes the app from the variables without showing its secrets, and with --json prints documents", () =>
    Effect.gen(function*() {
      const { ticket, url } = yield* requestUrl
      const command = yield* start(
        "emulator --json --port 0 --app-id cli_given --tenant tenant_a --tenant tenant_b --request-url".split(" ")
          .concat(url),
        // The platform of others does not matter to one who is the platform.
        { env: { ...secrets, FEISHU_APP_ID: "cli_other", FEISHU_BASE_URL: "nowhere" } }
      )
      const [, baseUrl = ""] = yield* command.printed(/"url":"([^"]+)"/)
      const appTicket = yield* Effect.timeout(ticket, "25 seconds")
      const credentials = { app_id: "cli_given", app_secret: appSecret }
      const appToken = yield* post(baseUrl, "app_access_token", { ...credentials, app_ticket: appTicket })
      assert.deepInclude(appToken, { code: 0 })
      const { app_access_token } = appToken
      const answers = yield* Effect.forEach(
        ["tenant_a", "tenant_b", "tenant_1"],
        (tenant_key) => post(baseUrl, "tenant_access_token", { app_access_token, tenant_key })
      )
      assert.deepStrictEqual(answers.map(({ code }) => code === 0), [true, true, false])
      yield* command.printed(/"tenantKey":"tenant_1"/)
      yield* command.signal("SIGTERM")
      const { code, stderr, stdout } = yield* command.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "")
      const [listening, ...others] = documentsIn(stdout)
      assert.deepStrictEqual(listening, {
        type: "listening",
        url: baseUrl,
        console: `${baseUrl}/`,
        appId: "cli_given",
        requestUrl: url,
        variables: { FEISHU_BASE_URL: baseUrl, FEISHU_APP_ID: "cli_given" },
        missing: ["FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"]
      })
      assert.deepStrictEqual([...new Set(others.map(({ type }) => type))].toSorted(), ["call", "handshake", "push"])
      assert.deepInclude(others.find(({ type }) => type === "push"), {
        appId: "cli_given",
        eventType: "app_ticket",
        outcome: "acknowledged"
      })
      const shown = answers.map((answer) => answer["tenant_access_token"]).filter((token) => typeof token === "string")
      assertNoSecrets(stdout, [appTicket, String(app_access_token), ...shown])
    }))

  it.scoped("does not begin where something is wrong, and says what to do", () =>
    Effect.gen(function*() {
      const taken = yield* listenOn(0)
      const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]> = [
        [["--port", String(taken)], new RegExp(`^✗ port ${taken} cannot be listened on: choose another with --port`)],
        [["--port", "0", "--request-url", "localhost:3000"], /^✗ --request-url must be an http or https URL$/m],
        [["--port", "0", "--request-url", "http://[::1/"], /^✗ --request-url must be an http or https URL$/m],
        [["--port", "0", "--app-id", "not an id"], /^✗ FEISHU_APP_ID \(--app-id\) has white space/]
      ]
      const results = yield* Effect.forEach(cases, ([args]) => run(["emulator", ...args]), { concurrency: 2 })
      results.forEach(({ code, stderr, stdout }, index) => {
        assert.strictEqual(code, 2, stdout + stderr)
        assert.strictEqual(stdout, "")
        assert.match(stderr, cases[index]?.[1] ?? /^$/)
      })
    }))

  it.scoped("in a terminal, waits for the request URL before all eyes, and ends at once with Ctrl-C", () =>
    Effect.gen(function*() {
      // It takes the connection, and never answers.
      const silent = yield* listenOn(0)
      const command = yield* startInTerminal(
        ["emulator", "--port", "0", "--request-url", `http://127.0.0.1:${silent}/`],
        { env: secrets }
      )
      const [, port] = yield* command.printed(/The platform listens on \S*http:\/\/127\.0\.0\.1:(\d+)/)
      yield* command.printed(/waiting for http:\/\/127\.0\.0\.1:\d+\/ to answer the handshake, ([2-9]|\d\d) s so far/)
      const baseUrl = `http://127.0.0.1:${port}`
      yield* post(baseUrl, "app_ticket/resend", { app_id: "cli_emulated", app_secret: "not it" })
      yield* command.printed(/app_ticket\/resend by cli_emulated: HTTP 200, code [1-9]/)
      yield* command.type("\x03")
      const [duration, { code, stdout }] = yield* Effect.timed(command.ended)
      assert.strictEqual(code, 0)
      assert.isBelow(Duration.toMillis(duration), 4000)
      yield* listenOn(Number(port))
      assertNoSecrets(stdout)
      const lines = screen(stdout).map((line) => line.replace(/^\^C/, "")).filter((line) => line !== "")
      for (const line of lines) {
        assert.match(line, /^# The platform listens on |^FEISHU_(BASE_URL|APP_ID)=|^# |^\d\d:\d\d:\d\d\.\d{3} {2}\S/)
      }
      assert.include(
        stdout,
        "# FEISHU_APP_SECRET, FEISHU_ENCRYPT_KEY, FEISHU_VERIFICATION_TOKEN: as in the environment"
      )
      assert.strictEqual(lines.filter((line) => line.includes("it did not answer within 1 s")).length, 1)
    }))

  it.scoped("ends at the next exchange after the reader of its lines has closed the pipe, and keeps its state", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
      const { stdout } = yield* bash(
        `
        for _ in $(seq 200); do
          [ -e "$folder/ended" ] && break
          curl -s -X POST http://127.0.0.1:29475/_emulator/apps/cli_emulated/tickets > /dev/null; sleep 0.05
        done & pushes=$!
        timeout 15 "$node" "$bin" emulator --port 29475 --state "$folder/state.json" | head -1; echo "code \${PIPESTATUS[0]}"
        touch "$folder/ended"; wait $pushes
        grep -q '"expiresAt"' "$folder/state.json" && echo kept
      `,
        { folder }
      )
      assert.match(stdout, /^# The platform listens on \S+:29475\ncode 141\nkept\n$/)
    }))
})

it.scoped.each(
  [
    ["200 ms after it was asked for", false, Duration.millis(199), Duration.millis(1)],
    ["with --realistic, not within a second, and within two minutes", true, Duration.millis(999), Duration.minutes(2)]
  ] as const
)("pushes a ticket %s", ([_, realistic, notYet, then]) => {
  const printed: InProcess.Printed = { stdout: [], stderr: [] }
  return Effect.gen(function*() {
    const count = (type: string) =>
      Effect.sync(() => printed.stdout.filter((line) => line.includes(`{"type":"${type}"`)).length)
    yield* Effect.fork(EmulatorCommand.run({
      dotenv: Option.some(yield* InProcess.dotenv(secrets)),
      appId: Option.none(),
      appSecretFile: Option.none(),
      port: 0,
      host: "127.0.0.1",
      baseUrl: Option.none(),
      answers: Option.none(),
      state: Option.none(),
      writeEnv: Option.none(),
      requestUrl: Option.none(),
      tenant: [],
      realistic,
      json: true
    }))
    yield* InProcess.until(Effect.map(count("listening"), (count) => count === 1))
    const { url } = documentIn(printed.stdout.join("\n") + "\n")
    const asked = { app_id: "cli_emulated", app_secret: appSecret }
    yield* Effect.replicateEffect(post(String(url), "app_ticket/resend", asked), 3)
    yield* InProcess.until(Effect.map(count("call"), (count) => count === 3))
    yield* TestClock.adjust(notYet)
    assert.strictEqual(yield* count("push"), 0)
    yield* TestClock.adjust(then)
    yield* InProcess.until(Effect.map(count("push"), (count) => count === 3))
  }).pipe(Effect.provide(InProcess.layer(printed)))
})
