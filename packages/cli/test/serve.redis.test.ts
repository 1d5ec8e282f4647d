/** `feishu-ticket serve` with its ticket on a Redis that others share. */
import { Emulator } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Schedule } from "effect"
import * as RedisServer from "../../redis/test/redisServer.js"
import { documentIn, run } from "./feishuTicket.js"
import { app, assertNoSecrets, happened, isPush, pushIsLost, saveUrl, screen, serve, variables } from "./serving.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "50 millis" }))

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket serve --store redis", (it) => {
  it.scoped("keeps the ticket where another process finds it, and shows no password", () =>
    Effect.gen(function*() {
      const appId = "cli_shared"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const redis = yield* RedisServer.make()
      const password = "a-password-0123456789"
      yield* Effect.promise(() => redis.client.config("SET", "requirepass", password))
      const env = { FEISHU_REDIS_URL: `redis://default:${password}@127.0.0.1:${redis.port}` }
      const command = yield* serve(appId, ["--store", "redis"], { env })
      yield* pushIsLost(appId)
      yield* saveUrl(appId, command.url)
      yield* emulator.pushTicket(appId)
      const [, shown] = yield* command.printed(/^ticket +(\w{4}…), sent at /m)

      const all = { ...yield* variables(appId), ...env }
      const [known, unknown] = yield* Effect.all([
        run(["ticket", "--store", "redis", "--json"], { env: all }),
        run(["ticket", "--store", `redis://127.0.0.1:${redis.port}`], { env: all })
      ], { concurrency: 2 })
      assert.strictEqual(known.code, 0, known.stderr)
      assert.deepInclude(documentIn(known.stdout), {
        ok: true,
        appId,
        ticket: shown,
        source: "the Redis of FEISHU_REDIS_URL"
      })
      // The argument names a URL without a password.
      assert.strictEqual(unknown.code, 2, unknown.stdout)
      assert.match(unknown.stderr, /--store is wrong: Redis at .*a password is needed: NOAUTH/, unknown.stderr)

      yield* command.signal("SIGTERM")
      const { code, stderr, stdout } = yield* command.ended
      assert.strictEqual(code, 0)
      assert.match(stdout, /^store +the Redis of FEISHU_REDIS_URL$/m)
      const keys = yield* Effect.promise(() => redis.client.keys(`*${appId}*:ticket`))
      const [ticket = ""] = yield* Effect.promise(() => redis.client.hmget(keys[0] ?? "", "ticket"))
      const value = JSON.parse(ticket ?? "") as string
      assert.isTrue(value.startsWith(String(shown).slice(0, 4)))
      const outputs = [stdout, stderr, known.stdout, known.stderr, unknown.stdout, unknown.stderr]
      assertNoSecrets(outputs.join("\n"), [password, value])
    }))

  it.scoped("ends with exit code 2 if Redis refuses the password or the database, as every command does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_refused"))
      const redis = yield* RedisServer.make()
      yield* Effect.promise(() => redis.client.config("SET", "requirepass", "right-0123456789"))
      const wrong = [
        ["wrong-0123456789", 0, /FEISHU_REDIS_URL is wrong: .*the user name or the password is wrong: WRONGPASS/],
        [
          "right-0123456789",
          99,
          /FEISHU_REDIS_URL is wrong: .*the database does not exist: ERR DB index is out of range/
        ]
      ] as const
      for (const [password, database, why] of wrong) {
        const env = {
          ...yield* variables("cli_refused"),
          FEISHU_REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}/${database}`
        }
        const ends = yield* Effect.forEach(
          [["serve", "--port", "0"], ["ticket"], ["ticket", "--wait", "1s"], ["token"]],
          (command) => run([...command, "--store", "redis"], { env }),
          { concurrency: 2 }
        )
        for (const { code, stderr, stdout } of ends) {
          assert.strictEqual(code, 2, stdout + stderr)
          assert.match(stderr, why)
          assertNoSecrets(stdout + stderr, ["wrong-0123456789", "right-0123456789"])
        }
        const json = yield* run(["ticket", "--store", "redis", "--json"], { env })
        assert.deepInclude(documentIn(json.stdout), { ok: false })
        assert.match(json.stdout, why)
        const doctor = yield* run(["doctor", "--store", "redis"], { env })
        assert.strictEqual(doctor.code, 2, doctor.stdout)
        assert.match(doctor.stdout, why)
      }
    }))

  it.scoped("refuses deliveries while Redis is away, goes on when it is back, and ends while it hangs", () =>
    Effect.gen(function*() {
      const appId = "cli_away"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const redis = yield* RedisServer.make({ isStarted: false })
      const command = yield* serve(appId, ["--store", `redis://127.0.0.1:${redis.port}`], { isTerminal: true })
      yield* command.printed(/warning:\S* .*Redis at 127\.0\.0\.1:\d+ is away/)
      yield* saveUrl(appId, command.url)
      yield* emulator.pushTicket(appId)
      const refused = yield* happened(isPush(appId, "refused"))
      assert.deepInclude(refused, { status: 503 })
      assert.strictEqual((yield* command.get("/healthz")).status, 503)

      yield* redis.start
      // As often as it takes until the connection is made.
      yield* emulator.pushTicket(appId).pipe(
        Effect.zipRight(Effect.sleep("200 millis")),
        Effect.zipRight(emulator.journal),
        Effect.filterOrFail((entries) => entries.some(isPush(appId, "acknowledged"))),
        Effect.retry(Schedule.forever),
        Effect.timeout("20 seconds")
      )
      yield* command.printed(/ticket .*…\S*, sent at \S+Z, valid for /)
      yield* Effect.repeat(command.get("/healthz"), {
        until: ({ status }) => status === 200,
        schedule: Schedule.spaced("100 millis")
      })

      yield* redis.freeze
      yield* emulator.pushTicket(appId)
      yield* command.type("\x03")
      const [duration, { code, stdout }] = yield* Effect.timed(command.ended)
      yield* redis.thaw
      assert.strictEqual(code, 0)
      assert.isBelow(Duration.toMillis(duration), 4000)
      const lines = screen(stdout)
      // Told of once, however many deliveries have met with it.
      assert.strictEqual(lines.filter((line) => /TicketStore\.put .* is away/.test(line)).length, 1, lines.join("\n"))
      assert.isEmpty(lines.filter((line) => line.includes("waiting for the app ticket")))
      assertNoSecrets(stdout)
    }))
})
