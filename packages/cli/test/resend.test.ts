/** `feishu-ticket resend` against the emulator, against servers that are up to no good, and with somebody at the keys. */
import { Emulator, Fault } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { createSocket } from "node:dgram"
import type { Socket } from "node:net"
import { documentIn, run, runInTerminal, secrets, start, startInTerminal } from "./feishuTicket.js"
import { answer, listen } from "./hostile.js"

const Live = Layer.merge(
  NodeContext.layer,
  Emulator.layerServer({
    apps: [
      { appId: "cli_store", appSecret: Redacted.make(secrets.FEISHU_APP_SECRET) },
      { appId: "cli_own", appSecret: Redacted.make(secrets.FEISHU_APP_SECRET), kind: "self-built" }
    ]
  })
)

const env = (baseUrl: string) => ({ ...secrets, FEISHU_APP_ID: "cli_store", FEISHU_BASE_URL: baseUrl })

const withoutSecrets = <A extends { readonly stdout: string; readonly stderr: string }>(ended: A): A => {
  for (const secret of Object.values(secrets)) assert.notInclude(ended.stdout + ended.stderr, secret)
  return ended
}

/** Against the emulator, of which this goes wrong. */
const resend = (
  args: ReadonlyArray<string>,
  faults: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>> = [],
  variables: Record<string, string> = {}
) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults(faults)
    const calls = Effect.map(emulator.journal, (entries) => entries.filter(({ _tag }) => _tag === "Call").length)
    const before = yield* calls
    const ended = yield* run(["resend", ...args], { env: { ...env(emulator.baseUrl), ...variables } })
    return { ...withoutSecrets(ended), calls: (yield* calls) - before }
  })

/** `--json` against a server that does this. */
const against = (onRequest: (socket: Socket, request: string) => void, args: ReadonlyArray<string> = ["--once"]) =>
  Effect.gen(function*() {
    const server = yield* listen(onRequest)
    const ended = withoutSecrets(yield* run(["resend", "--json", ...args], { env: env(server.baseUrl) }))
    const { attempts, elapsedMs, error, ok } = documentIn(ended.stdout)
    assert.isFalse(ok)
    // It may be shown in a terminal.
    assert.notMatch(ended.stdout.trimEnd(), /\p{Cc}/u)
    assert.strictEqual(attempts, server.requests.length)
    return { code: ended.code, stderr: ended.stderr, error, elapsedMs: elapsedMs as number }
  }).pipe(Effect.scoped)

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("resend", (it) => {
  describe("with the platform", () => {
    it.effect("says that it was accepted", () =>
      Effect.gen(function*() {
        const { calls, code, stderr, stdout } = yield* resend([])
        assert.match(
          stdout,
          /^✓ The platform accepted the resend at attempt 1, after [\dms ]+\. It pushes the ticket to the app's request URL, within 2 minutes\.\n$/
        )
        assert.deepStrictEqual({ calls, code, stderr }, { calls: 1, code: 0, stderr: "" })
      }))

    it.effect("tells the story of its attempts on standard error, and nothing there of it to the document", () =>
      Effect.gen(function*() {
        const { calls, code, stderr, stdout } = yield* resend(
          ["--json", "--log-level", "debug"],
          [Fault.Drop(), Fault.rateLimit({ resetSeconds: 1 })]
        )
        assert.deepStrictEqual({ calls, code }, { calls: 3, code: 0 })
        const { elapsedMs, ...document } = documentIn(stdout)
        assert.deepStrictEqual(document, { ok: true, attempts: 3 })
        assert.isAtLeast(elapsedMs as number, 1000)
        const story = stderr.trimEnd().split("\n")
        const chapters = [
          /^20[\d-]+T[\d:.]+Z {2}attempt 1: POST http:/,
          /Z {2}warning: attempt 1 failed, the next one follows in .*\(Connection\)/,
          /Z {2}attempt 2: POST/,
          /Z {2}warning: attempt 2 failed, the next one follows in 1s: .*99991400.*The platform asks to wait 1s\./,
          /Z {2}attempt 3: POST/,
          /Z {2}attempt 3 succeeded$/
        ]
        assert.strictEqual(story.length, chapters.length, stderr)
        for (const [i, chapter] of chapters.entries()) assert.match(story[i] ?? "", chapter)
        assert.notInclude(stderr, "\x1b")
      }))

    it.effect("does not wait for longer than it was told to", () =>
      Effect.gen(function*() {
        const { calls, code, stderr, stdout } = yield* resend(
          ["--json", "--retry-for", "20s"],
          [Fault.rateLimit({ resetSeconds: 60 })]
        )
        assert.deepStrictEqual({ calls, code }, { calls: 1, code: 5 })
        const { elapsedMs, error, ...document } = documentIn(stdout)
        assert.deepStrictEqual(document, { ok: false, attempts: 1 })
        assert.isBelow(elapsedMs as number, 20_000)
        const { logId, message, ...fields } = error as Record<string, unknown>
        assert.deepStrictEqual(fields, {
          _tag: "FeishuApiError",
          code: 99991400,
          kind: "RateLimited",
          msg: "request trigger frequency limit",
          advice: "Wait as long as the platform says before the next call, and call less often."
        })
        assert.match(logId as string, /^\w+$/)
        assert.include(message as string, "The platform asks to wait 1m.")
        assert.match(stderr, /attempt 1 failed and none follows: the wait of 1m before it does not fit/)
      }))

    it.effect("tries for as long as it was told to, and in silence", () =>
      Effect.gen(function*() {
        const ended = yield* resend(
          ["--log-level=none", "--json", "--retry-for", "3s"],
          [Fault.next(1000, Fault.html(502))]
        )
        const { attempts, elapsedMs, error, ok } = documentIn(ended.stdout)
        assert.deepStrictEqual(
          { ok, code: ended.code, stderr: ended.stderr, calls: ended.calls },
          { ok: false, code: 5, stderr: "", calls: attempts }
        )
        assert.isAbove(ended.calls, 2)
        assert.isBelow(elapsedMs as number, 8000)
        const { message, ...fields } = error as Record<string, unknown>
        assert.deepStrictEqual(fields, {
          _tag: "FeishuNetworkError",
          reason: "Unavailable",
          advice: "The platform, or a gateway before it, is out of order: try again later."
        })
        assert.include(message as string, "HTTP 502")
      }))

    it.effect("says at once what only a person can mend", () =>
      Effect.gen(function*() {
        const [secret, kind] = yield* Effect.all([
          resend([], [], { FEISHU_APP_SECRET: "another-app's-secret-9876543210" }),
          resend(["--json"], [], { FEISHU_APP_ID: "cli_own" })
        ], { concurrency: 2 })
        assert.deepStrictEqual([secret.code, kind.code, secret.stdout, kind.stderr], [4, 4, "", ""])
        assert.match(
          secret.stderr,
          /^✗ POST http.*: refused with code 10014 "app secret invalid" \(Credentials, HTTP 200, log id \w+\)\. Check that the app id and the app secret belong together, .* white space, .* \(Feishu or Lark\); last, that the app is not disabled\.\n$/
        )
        assert.notInclude(secret.stderr, "9876543210")
        const { attempts, error, ok } = documentIn(kind.stdout)
        const { code, kind: kindOfError } = error as Record<string, unknown>
        assert.deepStrictEqual(
          { ok, attempts, code, kind: kindOfError },
          { ok: false, attempts: 1, code: 10016, kind: "NotStoreApp" }
        )
      }))

    it.effect("refuses options that contradict each other before it asks for anything", () =>
      Effect.gen(function*() {
        const [both, none] = yield* Effect.all([
          resend(["--once", "--retry-for", "1m"]),
          resend(["--retry-for", "0s", "--json"])
        ], { concurrency: 2 })
        assert.deepStrictEqual([both.code, none.code, both.calls + none.calls], [2, 2, 0])
        assert.strictEqual(
          both.stderr,
          "✗ --once and --retry-for contradict each other: give only one of them\n"
        )
        const { elapsedMs, ...document } = documentIn(none.stdout)
        assert.isNumber(elapsedMs)
        assert.deepStrictEqual(document, {
          ok: false,
          error: {
            _tag: "UsageError",
            message: "--retry-for leaves no time for an attempt: for a single one, give --once"
          },
          attempts: 0
        })
      }))
  })

  describe("with somebody else", () => {
    it.effect("that is not there, or never answers", () =>
      Effect.gen(function*() {
        const gone = yield* Effect.scoped(listen(() => {}))
        const [refused, silent] = yield* Effect.all([
          run(["resend", "--json", "--once"], { env: env(gone.baseUrl) }),
          against(() => {}, ["--retry-for", "1500ms"])
        ], { concurrency: 2 })
        const { attempts, elapsedMs, error } = documentIn(refused.stdout)
        const { message, ...fields } = error as Record<string, unknown>
        assert.isNumber(elapsedMs)
        assert.deepStrictEqual({ code: refused.code, stderr: refused.stderr, attempts, fields }, {
          code: 3,
          stderr: "",
          attempts: 1,
          fields: {
            _tag: "FeishuNetworkError",
            reason: "Connection",
            advice: "Check the network, DNS, and any proxy or firewall between this machine and the host."
          }
        })
        assert.include(message as string, "ECONNREFUSED")

        assert.deepInclude(silent.error, { _tag: "FeishuNetworkError", reason: "Timeout" })
        assert.strictEqual(silent.code, 3)
        assert.isAtLeast(silent.elapsedMs, 1500)
        assert.isBelow(silent.elapsedMs, 8000)
      }))

    it.effect("that breaks off, does not speak HTTP, or never stops", () =>
      Effect.gen(function*() {
        const [half, garbage, endless] = yield* Effect.all([
          against((socket) => {
            socket.end("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n{\"code\":0,")
          }),
          against((socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n\x1b]0;owned\x07\r\n")),
          against((socket) => {
            socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            const more = () => {
              while (socket.writable && socket.write(Buffer.alloc(64 * 1024, "{\"code\":0")));
              if (socket.writable) socket.once("drain", more)
            }
            more()
          })
        ], { concurrency: 2 })
        assert.deepStrictEqual([half.code, garbage.code, endless.code], [3, 3, 3])
        assert.deepInclude(half.error, { _tag: "FeishuNetworkError", reason: "InvalidResponse" })
        assert.deepInclude(garbage.error, { _tag: "FeishuNetworkError", reason: "Connection" })
        assert.deepInclude(endless.error, { _tag: "FeishuNetworkError", reason: "TooLarge" })
        assert.include(JSON.stringify(endless.error), "longer than 1 MiB")
        // Well before the 10 s that an attempt may take.
        for (const { elapsedMs } of [half, garbage, endless]) assert.isBelow(elapsedMs, 8000)
      }))

    it.effect("that points elsewhere: the secret does not go there", () =>
      Effect.gen(function*() {
        const elsewhere = yield* listen(answer("{\"code\":0,\"msg\":\"success\"}"))
        const { code, error } = yield* against(
          answer("", { status: "307 Temporary Redirect", headers: [`location: ${elsewhere.baseUrl}/`] })
        )
        assert.strictEqual(code, 3)
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidResponse" })
        assert.deepStrictEqual(elsewhere.requests, [])
      }).pipe(Effect.scoped))

    it.effect("that would steer the terminal: it does not come through", () =>
      Effect.gen(function*() {
        const msg = "\x1b]0;owned\x07\x1b[2J\x9b2J\x7fsorry\r\nerror: none"
        const steer = answer(JSON.stringify({ code: 10016, msg }), { headers: ["x-tt-logid: id\x9b31m"] })
        const server = yield* listen(steer)
        const [person, machine] = yield* Effect.all([
          runInTerminal(["resend", "--once"], { env: env(server.baseUrl) }),
          against(steer)
        ], { concurrency: 2 })
        assert.deepStrictEqual([person.code, machine.code], [4, 4])
        assert.include(person.stdout, "\x1b[31m✗\x1b[0m POST")
        assert.include(person.stdout, "sorry error: none")
        const own = ["\r\x1b[2K", "\x1b[31m", "\x1b[0m", "\r\n"]
        assert.notMatch(own.reduce((text, code) => text.replaceAll(code, ""), person.stdout), /\p{Cc}/u)
        // A program gets what was said, as it was said.
        assert.deepInclude(machine.error, { code: 10016, msg, logId: "id\x9b31m" })
      }).pipe(Effect.scoped))
  })

  describe("interrupted", () => {
    const seconds = Effect.map(Clock.currentTimeMillis, (millis) => millis / 1000)

    it.effect("by Ctrl-C, ends at once", () =>
      Effect.gen(function*() {
        const server = yield* listen(() => {})
        const { ended, printed, type } = yield* startInTerminal(["resend"], { env: env(server.baseUrl) })
        yield* printed(/waiting until the platform accepts the resend, 1 s so far/)
        const before = yield* seconds
        yield* type("\x03")
        const { code, stdout } = yield* ended
        assert.isBelow((yield* seconds) - before, 2)
        assert.strictEqual(code, 130)
        assert.notMatch(stdout, /error|fiber|\n\s+at /i)
        // The line that moved is gone.
        assert.isTrue(stdout.endsWith("\r\x1b[2K"))
      }).pipe(Effect.scoped))

    // Only root may give a process a DNS server of its own, and be that.
    const canMount = spawnSync("unshare", ["--mount", "mount", "--bind", "/", "/"]).status === 0
    it.scoped.skipIf(!canMount)("by Ctrl-C, does not wait for an answer from DNS", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const resolvConf = `${yield* fs.makeTempDirectoryScoped()}/resolv.conf`
        yield* fs.writeFileString(resolvConf, "nameserver 127.0.0.153\n")
        const silent = yield* Effect.acquireRelease(
          Effect.sync(() => createSocket("udp4").bind(53, "127.0.0.153")),
          (socket) => Effect.sync(() => socket.close())
        )
        const { ended, type } = yield* startInTerminal(["resend"], {
          env: env("https://platform.example"),
          resolvConf
        })
        yield* Effect.async<void>((resume) => void silent.once("message", () => resume(Effect.void)))
        const before = yield* seconds
        yield* type("\x03")
        const { code, stdout } = yield* ended
        assert.isBelow((yield* seconds) - before, 2)
        assert.strictEqual(code, 130)
        assert.isTrue(stdout.endsWith("\r\x1b[2K"))
      }))

    it.effect("by a signal, through pipes, while it asks or waits to ask again", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setFaults([Fault.rateLimit({ resetSeconds: 25 })])
        const server = yield* listen(() => {})
        const [asking, waiting] = yield* Effect.all([
          start(["resend", "--json"], { env: env(server.baseUrl) }),
          start(["resend"], { env: env(emulator.baseUrl) })
        ])
        yield* server.asked
        yield* waiting.logged(/the next one follows in 25s/)
        const before = yield* seconds
        yield* asking.signal("SIGTERM")
        yield* waiting.signal("SIGINT")
        const [terminated, interrupted] = yield* Effect.all([asking.ended, waiting.ended])
        assert.isBelow((yield* seconds) - before, 2)
        assert.deepStrictEqual(terminated, { code: 143, stdout: "", stderr: "" })
        assert.deepInclude(interrupted, { code: 130, stdout: "" })
        assert.strictEqual(interrupted.stderr.trimEnd().split("\n").length, 1)
      }).pipe(Effect.scoped))
  })
})
