/** Each example as a process of its own, against the emulator. */
import { Emulator, Fault } from "@effect-feishu/emulator"
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { bundled } from "./bundled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const secret = "an app's secret"

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => stream.pipe(Stream.decodeText(), Stream.mkString)

// The programs must not see the variables of whoever runs the tests.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("FEISHU_")) delete process.env[name]
}

const run = (program: string, variables: Record<string, string>) => runNode([bundled(program)], variables)

const runNode = (args: ReadonlyArray<string>, variables: Record<string, string>) =>
  Effect.gen(function*() {
    const started = yield* Command.make("node", ...args).pipe(
      Command.workingDirectory(root),
      Command.env(variables),
      Command.start
    )
    const [stdout, stderr, code] = yield* Effect.all([text(started.stdout), text(started.stderr), started.exitCode], {
      concurrency: "unbounded"
    })
    return { stdout, stderr, code: Number(code) }
  }).pipe(Effect.scoped)

const runAgainst = (program: string, faults: ReadonlyArray<Fault.Fault>, variables?: Record<string, string>) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults(faults)
    const calls = Effect.map(emulator.journal, (entries) => entries.filter(({ _tag }) => _tag === "Call").length)
    const before = yield* calls
    const result = yield* run(program, {
      FEISHU_APP_ID: "cli_example",
      FEISHU_APP_SECRET: secret,
      FEISHU_BASE_URL: emulator.baseUrl,
      ...variables
    })
    assert.notInclude(result.stdout + result.stderr, secret)
    return { ...result, calls: (yield* calls) - before }
  })

/** Asserts that a text has these parts in this order, wherever its lines are folded. */
const assertStory = (text: string, parts: ReadonlyArray<string>) => {
  const story = text.replace(/\s+/g, " ")
  let from = 0
  for (const part of parts) {
    const at = story.indexOf(part, from)
    assert.isAtLeast(at, from, `"${part}" is missing, or out of order, in:\n${text}`)
    from = at + part.length
  }
}

const Live = Layer.merge(
  NodeContext.layer,
  Emulator.layerServer({ apps: [{ appId: "cli_example", appSecret: Redacted.make(secret) }] })
)

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("examples", (it) => {
  describe("loop.ts", () => {
    it.effect("without credentials, goes from the resend to the reply of a bot", () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* runNode(["--import", "tsx", "examples/loop.ts"], {})
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        assertStory(stdout, [
          "No FEISHU_APP_ID is set: the platform is an emulator at http://127.0.0.1:",
          "1. The request URL of the app is saved",
          "s handshake with the request URL of cli_example: passed",
          "s the platform has saved http://127.0.0.1:",
          "2. The app has no ticket, and asks for one.",
          "s attempt 1: POST http://127.0.0.1:",
          "s attempt 1 failed, the next one follows in ",
          "(Connection)",
          "s attempt 2: POST",
          "s attempt 2 failed, the next one follows in 1s: ",
          "refused with code 99991400",
          "s attempt 3: POST",
          "s attempt 3 succeeded",
          "s refused a delivery to the request URL (Signature)",
          "s the app has the ticket that was sent at ",
          "3. The app calls the platform for a tenant.",
          "/open-apis/auth/v3/app_access_token",
          "/open-apis/auth/v3/tenant_access_token",
          "s the app knows the name of the tenant: tenant_1",
          "4. A user of the tenant writes to the bot, which replies.",
          "s replied to om_1",
          "That took "
        ])
        assertStory(stdout, [
          "platform: POST /open-apis/auth/v3/app_ticket/resend by cli_example: no answer (fault: Drop)",
          "platform: POST /open-apis/auth/v3/app_ticket/resend by cli_example: HTTP 429, code 99991400",
          "platform: POST /open-apis/auth/v3/app_ticket/resend by cli_example: HTTP 200, code 0",
          "platform: forged push of app_ticket",
          "attempt 1: refused with HTTP 401",
          "platform: push of app_ticket",
          "attempt 1: acknowledged with HTTP 200",
          "platform: POST /open-apis/im/v1/messages/om_1/reply by cli_example for tenant_1: HTTP 200, code 0",
          "platform: push of im.message.receive_v1",
          "attempt 1: acknowledged with HTTP 200"
        ])
        for (const secret of ["example's secret", "encrypt key", "verification token"]) {
          assert.notInclude(stdout, secret)
        }
      }))

    it.effect("with credentials, is resend.ts", () =>
      Effect.gen(function*() {
        const { calls, code, stderr, stdout } = yield* runAgainst("loop.ts", [])
        assert.strictEqual(code, 0, stderr)
        assert.strictEqual(calls, 1)
        assertStory(stdout, ["One resend for the app cli_example to http://127.0.0.1:", "Accepted after"])
        assert.notInclude(stdout, "emulator")
      }))

    it.effect("with half of the credentials, asks for the other half", () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("loop.ts", { FEISHU_APP_ID: "cli_example" })
        assert.strictEqual(code, 1)
        assert.include(stderr, "FEISHU_APP_SECRET")
        assert.strictEqual(stdout, "")
      }))
  })

  describe("resend.ts", () => {
    it.effect("without credentials, tells the story of an emulated resend", () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* runNode(["--import", "tsx", "examples/resend.ts"], {})
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        assertStory(stdout, [
          "No FEISHU_APP_ID is set: this calls an emulator",
          "One resend for the app cli_example to http://127.0.0.1:",
          "s attempt 1: POST http://127.0.0.1:",
          "s attempt 1 failed, the next one follows in ",
          "(Connection)",
          "s attempt 2: POST",
          "s attempt 2 failed, the next one follows in 1s: ",
          "refused with code 99991400",
          "The platform asks to wait 1s.",
          "s attempt 3: POST",
          "s attempt 3 succeeded Accepted after 1.",
          "the platform pushes it to the app's request URL."
        ])
      }))

    it.effect("with credentials, calls the platform that they name", () =>
      Effect.gen(function*() {
        const { calls, code, stdout } = yield* runAgainst("resend.ts", [])
        assert.strictEqual(code, 0)
        assert.strictEqual(calls, 1)
        assert.include(stdout, "attempt 1: POST http://127.0.0.1:")
        assert.notInclude(stdout, "attempt 2")
        assert.notInclude(stdout, "emulator")
      }))

    it.effect.each<[string, Record<string, string>]>([
      ["FEISHU_APP_SECRET", { FEISHU_APP_ID: "cli_example", FEISHU_APP_SECRET: "" }],
      ["FEISHU_APP_ID", { FEISHU_BASE_URL: "http://127.0.0.1:1" }]
    ])("asks for %s with %o", ([missing, variables]) =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("resend.ts", variables)
        assert.strictEqual(code, 1)
        assert.include(stderr, missing)
        assert.strictEqual(stdout, "")
        assert.notInclude(stderr, secret)
      }))

    it.effect("says why it was refused, and exits with 1", () =>
      Effect.gen(function*() {
        const { calls, code, stderr } = yield* runAgainst("resend.ts", [], { FEISHU_APP_SECRET: "another" })
        assert.strictEqual(code, 1)
        assert.strictEqual(calls, 1)
        assert.include(stderr, "Failed: FeishuApiError: POST http://127.0.0.1:")
        assert.include(stderr, "Check that the app id and the app secret belong together")
      }))
  })

  it.effect("plain.ts asks for a push", () =>
    Effect.gen(function*() {
      const { calls, code, stdout } = yield* runAgainst("plain.ts", [])
      assert.strictEqual(code, 0)
      assert.strictEqual(calls, 1)
      assert.include(stdout, "The platform will push an app_ticket event")
    }))

  it.effect("emulator.ts shows what the emulator saw", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* run("emulator.ts", {})
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(stdout.split("\n").filter((line) => line.startsWith("POST")), [
        "POST /open-apis/auth/v3/app_ticket/resend: Drop",
        "POST /open-apis/auth/v3/app_ticket/resend: Refuse",
        "POST /open-apis/auth/v3/app_ticket/resend: answered"
      ])
    }))

  it.effect("many-apps.ts has a ticket for each app, also for one that is added later", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* run("many-apps.ts", {})
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(stdout.split("\n").filter((line) => /^(cli_|The server)/.test(line)), [
        "cli_one has its ticket, by /webhook",
        "cli_two has its ticket, by /webhook",
        "The server has been running; now there is a third app.",
        "cli_three has its ticket, by /webhook/cli_three"
      ])
    }))

  it.effect("many-apps-servers.ts has a ticket for each app, by Express and by Hono", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run("many-apps-servers.ts", {})
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(stdout.split("\n").filter((line) => line.startsWith("cli_")), [
        "cli_one has its ticket, by /webhook/cli_one",
        "cli_two has its ticket, by /webhook/cli_two",
        "cli_three has its ticket, by /webhook/cli_three"
      ])
    }))

  it.effect("retry-policy.ts comes through under three policies", () =>
    Effect.gen(function*() {
      const { calls, code, stdout } = yield* runAgainst("retry-policy.ts", [
        Fault.Drop(),
        Fault.Answer({ status: 200, headers: {}, body: "{\"code\":0,\"msg\":\"success\"}" }),
        ...Array.from({ length: 4 }, () => Fault.Drop()),
        Fault.Answer({ status: 200, headers: {}, body: "{\"code\":0,\"msg\":\"success\"}" }),
        Fault.Drop(),
        Fault.rateLimit({ resetSeconds: 1 })
      ])
      assert.strictEqual(code, 0)
      assert.strictEqual(calls, 10)
      assert.deepStrictEqual(stdout.split("\n").filter((line) => /^(Accepted|Tried)/.test(line)), [
        "Accepted under the quick policy.",
        "Accepted under the steady schedule.",
        "Tried again after FeishuNetworkError",
        "Tried again after FeishuApiError",
        "Accepted under the watched schedule."
      ])
    }))

  it.effect.each<[string, ReadonlyArray<Fault.Fault>, Record<string, string>, string]>([
    ["success", [], {}, "Accepted."],
    ["a wrong secret", [], { FEISHU_APP_SECRET: "another" }, "Stop: somebody has to correct the app id"],
    ["another kind of app", [Fault.Refuse({ code: 10016, msg: "", status: 200 })], {}, "Stop: this app gets no ticket"],
    ["a long rate limit", [Fault.rateLimit({ resetSeconds: 60 })], {}, "Go on: the platform pushes a ticket"],
    [
      "nobody there",
      [],
      { FEISHU_BASE_URL: "http://127.0.0.1:1" },
      "Go on: the platform cannot be reached (Connection)"
    ]
  ])("errors.ts reacts to %s", ([_, faults, variables, reaction]) =>
    Effect.gen(function*() {
      const { code, stdout } = yield* runAgainst("errors.ts", faults, variables)
      assert.strictEqual(code, 0)
      assert.include(stdout, reaction)
    }))
})
