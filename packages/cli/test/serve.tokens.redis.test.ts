/** The token service as a process of its own: the commands of the README, a socket, and two processes on one Redis. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as RedisServer from "../../redis/test/redisServer.js"
import { bash } from "./bash.js"
import { start } from "./feishuTicket.js"
import { app, assertNoSecrets, pushIsLost, saveUrl, serve, variables } from "./serving.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "50 millis" }))

const newFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const readme = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8")

/** The lines of the README's first try, with any free ports in place of those that may be taken. */
const lineWith = (words: string) => {
  const line = readme.split("\n").find((line) => line.includes(words)) ??
    assert.fail(`the README has no line with ${words}`)
  return line.replace("npx feishu-ticket ", "")
}

const key = "a-key-of-the-token-service-0123456789"

const callsTo = (appId: string, end: string) =>
  Effect.map(
    Effect.flatMap(Emulator.Emulator, ({ journal }) => journal),
    (entries) =>
      entries.filter((entry) => Journal.$is("Call")(entry) && entry.appId === appId && entry.path.endsWith(end)).length
  )

layer(Live, { excludeTestServices: true, timeout: "60 seconds" })("serve --tokens", (it) => {
  it.scoped("gives a token for tenant_1 of the emulator to curl by the commands of the README", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const since = yield* Clock.currentTimeMillis
      const words = (line: string) => line.split(" ").map((word) => word === "emulated.env" ? join(folder, word) : word)
      const emulator = yield* start([
        ...words(lineWith("emulator --request-url http://127.0.0.1:3000/webhook/event --write-env emulated.env"))
          .map((word) => word.replace("127.0.0.1:3000", "127.0.0.1:29471")),
        "--port",
        "0"
      ])
      yield* emulator.printed(/\n\n/)
      const service = yield* start([
        ...words(lineWith("serve --dotenv emulated.env --tokens --events --drop-events")),
        "--port",
        "29471",
        "--tokens-port",
        "0",
        "--store",
        `file:${folder}`
      ])
      const [, address = ""] = yield* service.printed(/^tokens +(http:\/\/127\.0\.0\.1:\d+)$/m)
      const curl = lineWith("curl http://127.0.0.1:3001/").replace("http://127.0.0.1:3001", address)
      const { stdout } = yield* bash(curl.replace("curl ", "curl -sS -i "))
      assert.match(stdout, /^HTTP\/1\.1 200 OK/)
      assert.match(stdout, /^cache-control: no-store/im)
      assert.match(stdout, /"token":"t-[\w-]+","expires_in":\d+,.*"tenant_key":"tenant_1"/)
      assert.isBelow((yield* Clock.currentTimeMillis) - since, 180_000)
      const [, token = ""] = /"token":"(t-[\w-]+)"/.exec(stdout) ?? []
      yield* service.logged(/tenant access token.*tenant_1/)
      for (const command of [service, emulator]) {
        yield* command.signal("SIGTERM")
        const ended = yield* command.ended
        assert.strictEqual(ended.code, 0, ended.stderr)
        assert.notInclude(ended.stdout + ended.stderr, token)
      }
    }))

  it.scoped("gives tokens by the commands of TOKEN-SERVICE.md", () =>
    Effect.gen(function*() {
      const appId = "cli_page"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp({ ...app(appId), requestUrl: "http://127.0.0.1:29472/webhook/event" })
      const page = readFileSync(fileURLToPath(new URL("../TOKEN-SERVICE.md", import.meta.url)), "utf8")
      const [start = "", use = ""] = Array.from(page.matchAll(/^```bash\n([^]*?)^```/gm), ([, block = ""]) => block)
      const serving = "feishu-ticket serve --tokens --tokens-port 3001 --tokens-key-file tokens.keys"
      assert.include(start, serving)
      const script = [
        "cd \"$folder\"",
        start.replace(/^export .*$/gm, "").replace(
          serving,
          `"$node" "$bin" ${
            serving.replace("feishu-ticket ", "").replace("3001", "0")
          } --port 29472 --store memory > out 2> log & pid=$!`
        ),
        "until_it() { until \"$@\"; do kill -0 $pid || { cat log >&2; exit 1; }; sleep 0.1; done; }",
        "until_it grep -q '^tokens' out",
        "address=$(sed -n 's/^tokens *//p' out)",
        "until_it curl -sf -o health \"$address/healthz\"",
        use.replaceAll("http://127.0.0.1:3001", "$address").replace("TENANT_KEY", "tenant_1"),
        "kill -TERM $pid; wait $pid; echo \" code $?\"",
        "cat log >&2"
      ].join("\n")
      const { stderr, stdout } = yield* bash(script, { ...(yield* variables(appId)), folder: yield* newFolder })
      assert.match(stdout, /"ok":true.*"token":"t-[^]*"tenant_key":"tenant_1"\} code 0\n$/, stderr)
      assert.match(stderr, /billing/)
      assertNoSecrets(stderr)
    }))

  it.scoped("listens on a Unix socket, with keys from the variable", () =>
    Effect.gen(function*() {
      const appId = "cli_socket"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const socket = join(yield* newFolder, "tokens.sock")
      const command = yield* serve(appId, [
        "--store",
        "memory",
        "--tokens",
        "--tokens-socket",
        socket,
        "--log-level",
        "error"
      ], {
        env: { FEISHU_TOKENS_KEYS: `billing=${key}` }
      })
      yield* pushIsLost(appId)
      yield* saveUrl(appId, command.url)
      yield* emulator.pushTicket(appId)
      const { stdout } = yield* bash(
        `
        curl -sS --unix-socket "$socket" -w ' %{http_code}\n' http://x/v1/app/token
        curl -sS --unix-socket "$socket" -H "Authorization: Bearer $key" http://x/v1/app/token
      `,
        { socket, key }
      )
      assert.match(stdout, /^\{"error":\{.*"Unauthorized".*\}\} 401\n\{"token":"a-/)
      // Who has which secret is in the log, whatever the level.
      yield* command.logged(/revealed the app access token .* to billing/)
      yield* command.signal("SIGTERM")
      const { stderr, stdout: printed } = yield* command.ended
      assertNoSecrets(stderr + printed, [key])
    }))

  it.scoped("stays healthy at both addresses while Redis is away, though nobody has asked for its health before", () =>
    Effect.gen(function*() {
      const appId = "cli_frozen"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const redis = yield* RedisServer.make()
      const env = { FEISHU_REDIS_URL: `redis://127.0.0.1:${redis.port}` }
      const command = yield* serve(appId, ["--store", "redis", "--tokens", "--tokens-port", "0"], { env })
      const [, address = ""] = yield* command.printed(/^tokens +(http:\S+)$/m)
      yield* pushIsLost(appId)
      yield* saveUrl(appId, command.url)
      yield* emulator.pushTicket(appId)
      yield* command.printed(/^ticket /m)
      yield* redis.freeze
      const answers = yield* Effect.forEach([command.url, address], (url) =>
        Effect.promise(async () => {
          const response = await fetch(new URL("/healthz", url))
          return { status: response.status, text: await response.text() }
        }), { concurrency: 2 })
      yield* redis.thaw
      const [atRequestUrl, atTokens] = answers
      assert.deepStrictEqual(atRequestUrl, { status: 200, text: "{\"ok\":true}" })
      assert.strictEqual(atTokens?.status, 200)
      assert.match(atTokens?.text ?? "", /"ok":true,"expires_in":\d+,"reason":"TicketStore\.get for cli_frozen/)
    }))

  it.scoped("two processes on one Redis make one resend and one call for each token, and a caller sees one failure at most", () =>
    Effect.gen(function*() {
      const appId = "cli_pair"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const redis = yield* RedisServer.make()
      const env = { FEISHU_REDIS_URL: `redis://127.0.0.1:${redis.port}` }
      const args = ["--store", "redis", "--tokens", "--tokens-port", "0", "--drop-events"]
      const begin = Effect.gen(function*() {
        const command = yield* serve(appId, args, { env })
        const [, address = ""] = yield* command.printed(/^tokens +(http:\S+)$/m)
        return { ...command, address }
      })
      const pair = yield* Effect.all([begin, begin], { concurrency: 2 })
      const [first, second] = pair
      yield* pushIsLost(appId)
      yield* saveUrl(appId, first.url)
      yield* emulator.pushTicket(appId)

      /** As a client behind a load balancer: another process if one does not answer. */
      const ask = (address: string, tenant: string) =>
        Effect.tryPromise(async () => {
          const response = await fetch(`${address}/v1/tenants/${tenant}/token`)
          if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
          return ((await response.json()) as { readonly token: string }).token
        })
      const tenants = ["tenant_1"]
      const tokens = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => ask(pair[i % 2]?.address ?? "", tenants[0] ?? ""),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(tokens).size, 1)
      assert.strictEqual(yield* callsTo(appId, "/resend"), 1)
      assert.strictEqual(yield* callsTo(appId, "/app_access_token"), 1)
      assert.strictEqual(yield* callsTo(appId, "/tenant_access_token"), 1)

      let isKilled = false
      /** As a load balancer, which takes a process out after a failure. Returns the failures of all its requests. */
      const caller = (offset: number) =>
        Effect.gen(function*() {
          const alive = pair.map(({ address }) => address)
          let failures = 0
          for (let i = 0, after = 0; after < 20; i++) {
            if (isKilled) after++
            const address = alive[(offset + i) % alive.length] ?? ""
            yield* Effect.catchAll(ask(address, "tenant_1"), () =>
              Effect.sync(() => {
                failures++
                alive.splice(alive.indexOf(address), 1)
              }))
            yield* Effect.sleep("10 millis")
          }
          return failures
        })
      const callers = yield* Effect.fork(
        Effect.all(Array.from({ length: 20 }, (_, i) => caller(i)), { concurrency: "unbounded" })
      )
      yield* Effect.sleep("200 millis")
      yield* first.signal("SIGKILL")
      isKilled = true
      const failures = yield* Fiber.join(callers)
      // Each caller has met with the death, and lost one request.
      assert.deepStrictEqual(new Set(failures), new Set([1]))
      yield* Effect.exit(first.ended)
      assert.strictEqual(yield* callsTo(appId, "/tenant_access_token"), 1)
      yield* second.signal("SIGTERM")
      const [elapsed, ended] = yield* Effect.timed(second.ended)
      assert.strictEqual(ended.code, 0)
      assert.isBelow(Duration.toMillis(elapsed), 15_000)
      assertNoSecrets(ended.stdout + ended.stderr, [tokens[0] ?? "none"])
    }))

  it.scoped("fetches the token in another process if the process that fetches is killed", () =>
    Effect.gen(function*() {
      const appId = "cli_killed"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const redis = yield* RedisServer.make()
      const env = { FEISHU_REDIS_URL: `redis://127.0.0.1:${redis.port}` }
      const begin = Effect.gen(function*() {
        const command = yield* serve(appId, ["--store", "redis", "--tokens", "--tokens-port", "0"], { env })
        const [, address = ""] = yield* command.printed(/^tokens +(http:\S+)$/m)
        return { ...command, address }
      })
      const [first, second] = yield* Effect.all([begin, begin], { concurrency: 2 })
      yield* pushIsLost(appId)
      yield* saveUrl(appId, first.url)
      yield* emulator.pushTicket(appId)
      yield* emulator.setFaults([Fault.next(1, Fault.Delay({ duration: "1 minute" }), {
        only: "/open-apis/auth/v3/tenant_access_token"
      })])
      const tokenOf = (address: string) =>
        Effect.promise(() => fetch(`${address}/v1/tenants/tenant_1/token`).then(({ status }) => status, () => 0))
      const fetching = yield* Effect.fork(tokenOf(first.address))
      yield* Effect.repeat(Effect.delay(emulator.faults, "20 millis"), { until: (faults) => faults.length === 0 })
      const waiting = yield* Effect.fork(tokenOf(second.address))
      yield* first.signal("SIGKILL")
      assert.strictEqual(yield* Fiber.join(fetching), 0)
      assert.strictEqual(yield* Fiber.join(waiting), 200)
      yield* second.signal("SIGTERM")
      assert.strictEqual((yield* second.ended).code, 0)
    }))
})
