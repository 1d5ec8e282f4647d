/** `feishu-ticket serve` as a process, with the emulator as the platform. */
import { Emulator, Fault } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, it, layer } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Option, Schema, TestClock } from "effect"
import { connect } from "node:net"
import { join } from "node:path"
import * as Serve from "../src/commands/Serve.js"
import { documentIn, run } from "./feishuTicket.js"
import * as InProcess from "./inProcess.js"
import {
  app,
  assertNoSecrets,
  documentsIn,
  happened,
  isPush,
  listenOn,
  pushIsLost,
  resends,
  saveUrl,
  screen,
  serve,
  variables
} from "./serving.js"

// As most people have it: what they make can be read by all.
process.umask(0o022)

const Kept = Schema.decodeSync(Schema.parseJson(Schema.Struct({ ticket: Schema.NonEmptyString })))

/** The ticket that is kept in this folder, itself. */
const keptIn = (folder: string, appId: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(join(folder, `feishu%2Fticket%2F${appId}`))).pipe(
    Effect.map((text) => Kept(text).ticket)
  )

/** All that is there, by its permissions. */
const modesIn = (folder: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const names = yield* fs.readDirectory(folder)
    return yield* Effect.forEach(["", ...names], (name) =>
      Effect.map(fs.stat(join(folder, name)), ({ mode, type }) => `${type} ${(mode & 0o777).toString(8)}`))
  }).pipe(Effect.map((modes) => [...new Set(modes)]))

/** The samples of the text that Prometheus reads, each by its name and labels. */
const samplesIn = (text: string) => {
  const sample =
    /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? ((?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf))$/
  const samples = new Map<string, number>()
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const [, name = "", labels = "", value] = sample.exec(line) ?? assert.fail(`not a sample: ${line}`)
    assert.include(text, `# TYPE ${name} `)
    samples.set(name + labels, Number(value))
  }
  return samples
}

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "50 millis" }))

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket serve", (it) => {
  it.scoped("shows what arrives, keeps the ticket for its user alone, and has it after a restart", () =>
    Effect.gen(function*() {
      const appId = "cli_kept"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const state = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
      const env = { XDG_STATE_HOME: state }
      const first = yield* serve(appId, ["--events", "--drop-events"], { env })
      yield* pushIsLost(appId)
      const before = yield* first.get("/healthz")
      assert.strictEqual(before.status, 503)
      // Anybody can reach the request URL, so there are no reasons.
      assert.deepStrictEqual(yield* Effect.promise(() => before.json()), { ok: false })

      yield* saveUrl(appId, first.url)
      yield* first.printed(/^url +was asked for its challenge, and has answered$/m)
      yield* emulator.pushTicket(appId)
      yield* first.printed(/^ticket +\w{4}…, sent at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, valid for (3h|2h 59m)$/m)
      // The result of the first look is used for 1 s.
      const after = yield* Effect.repeat(Effect.delay(first.get("/healthz"), "100 millis"), {
        until: ({ status }) => status === 200
      })
      assert.deepStrictEqual(yield* Effect.promise(() => after.json()), { ok: true })

      // Before the real one, somebody who knows no secret sends one.
      yield* emulator.setPushFaults([Fault.Forged()])
      const eventId = yield* emulator.push(appId, {
        type: "contact.user.created_v3",
        tenantKey: "tenant_1",
        payload: { object: { name: "a name" } }
      })
      yield* first.printed(
        new RegExp(`^event +contact\\.user\\.created_v3, ${eventId}, tenant tenant_1, of \\S+Z, answered 200$`, "m")
      )
      yield* first.logged(/warning: refused a delivery to the request URL \(Signature\): .*check encryptKey/)
      // It is counted after it was shown.
      yield* happened(isPush(appId, "acknowledged", eventId))

      const metrics = yield* first.get("/metrics")
      assert.strictEqual(metrics.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
      const samples = samplesIn(yield* Effect.promise(() => metrics.text()))
      assert.strictEqual(samples.get(`feishu_pushes_total{app_id="${appId}",outcome="stored"}`), 1)
      assert.strictEqual(samples.get(`feishu_deliveries_total{app_id="${appId}",kind="event",status="200"}`), 1)
      assert.strictEqual(samples.get("feishu_refusals_total{reason=\"Signature\"}"), 1)
      assert.strictEqual(samples.get(`feishu_ticket_resends_total{app_id="${appId}",outcome="success"}`), 1)
      const age = samples.get(`feishu_ticket_age_seconds{app_id="${appId}"}`) ?? assert.fail("no age")
      assert.isBelow(age, 60)
      const sent = samples.get(`feishu_ticket_sent_timestamp_seconds{app_id="${appId}"}`) ?? assert.fail("no time")
      assert.closeTo((yield* Clock.currentTimeMillis) / 1000 - sent, age, 10)

      const folder = join(state, "feishu-ticket")
      assert.deepStrictEqual(yield* modesIn(folder), ["Directory 700", "File 600"])
      const ticket = yield* keptIn(folder, appId)
      yield* first.signal("SIGINT")
      const ended = yield* first.ended
      assert.strictEqual(ended.code, 0)
      assert.strictEqual(ended.stdout.split("\n").filter((line) => line.startsWith("event ")).length, 1)
      assertNoSecrets(ended.stdout + ended.stderr, [ticket, "a name"])

      const second = yield* serve(appId, [], { env })
      yield* second.printed(new RegExp(`^ticket +${ticket.slice(0, 4)}…, sent at `, "m"))
      yield* second.signal("SIGTERM")
      const again = yield* second.ended
      assert.strictEqual(again.code, 0)
      assertNoSecrets(again.stdout + again.stderr, [ticket])
      assert.strictEqual(yield* resends(appId), 1)
    }))

  it.scoped("with --events shows a callback, and the token of a card only with --reveal", () =>
    Effect.gen(function*() {
      const appId = "cli_click"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      for (const args of [[], ["--reveal"]]) {
        const command = yield* serve(appId, ["--json", "--events", "--drop-events", ...args])
        yield* saveUrl(appId, command.url)
        const payload = { token: "c-295ee57216a5dc9de90fefd0aadb4b1d7d", action: { tag: "button" } }
        assert.deepStrictEqual(yield* emulator.callback(appId, { type: "card.action.trigger", payload }), {})
        yield* command.printed(/"eventType":"card.action.trigger"/)
        yield* command.signal("SIGTERM")
        const shown = documentsIn((yield* command.ended).stdout).find(({ type }) => type === "callback")
        assert.deepInclude(shown?.["payload"], args.length > 0 ? payload : { ...payload, token: "c-29…" })
      }
    }))

  it.scoped("with --json prints a document a line and nothing else, the ticket itself with --reveal", () =>
    Effect.gen(function*() {
      const appId = "cli_json"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const state = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
      const folder = join(state, "not/there yet")
      const command = yield* serve(appId, [
        "--json",
        "--reveal",
        "--drop-events",
        "--path",
        "/",
        "--store",
        `file:${folder}`
      ])
      yield* pushIsLost(appId)
      yield* saveUrl(appId, command.url)
      yield* emulator.pushTicket(appId)
      yield* command.printed(/"type":"ticket"/)
      // Without --events, others are acknowledged, and that is all.
      const eventId = yield* emulator.push(appId, { type: "contact.user.created_v3", payload: {} })
      yield* happened(isPush(appId, "acknowledged", eventId))
      yield* command.signal("SIGTERM")
      const { code, stderr, stdout } = yield* command.ended
      assert.strictEqual(code, 0)

      const [listening, ...others] = documentsIn(stdout)
      assert.deepStrictEqual(listening, {
        type: "listening",
        url: command.url,
        apps: [appId],
        store: `files in ${folder}`
      })
      const arrived = others.filter(({ type }) => type !== "challenge")
      assert.isBelow(arrived.length, others.length)
      assert.deepStrictEqual(arrived.map(({ type }) => type), ["ticket"])
      assert.strictEqual(arrived[0]?.["ticket"], yield* keptIn(folder, appId))
      assert.deepStrictEqual(yield* modesIn(folder), ["Directory 700", "File 600"])
      // Not even as one that has been handled.
      assert.notInclude(
        yield* Effect.flatMap(FileSystem.FileSystem, (fs) =>
          Effect.map(
            Effect.flatMap(fs.readDirectory(folder), Effect.forEach((name) => fs.readFileString(join(folder, name)))),
            (texts) => texts.join("\n")
          )),
        eventId
      )
      assert.include(stderr, "asking the platform for an app ticket")
      assertNoSecrets(stdout + stderr)
    }))

  it.scoped("does not begin where something is wrong, and says what to do", () =>
    Effect.gen(function*() {
      const appId = "cli_wrong"
      const env = yield* variables(appId)
      const taken = yield* listenOn(0)
      const password = "a-password-0123456789"
      const file = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempFileScoped())
      const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, env: Record<string, string>, says: RegExp]> = [
        [["--path", "webhook"], env, /✗ --path must begin with \/ .*for example \/webhook\/event/],
        [["--path", "/healthz"], env, /✗ --path cannot be \/healthz/],
        [
          ["--port", String(taken)],
          env,
          new RegExp(`✗ port ${taken} cannot be listened on: choose another with --port`)
        ],
        [["--host", "host.invalid"], env, /✗ --host host\.invalid is no address of this machine: leave it out/],
        [
          ["--port", "0"],
          { ...env, FEISHU_ENCRYPT_KEY: "", FEISHU_VERIFICATION_TOKEN: "" },
          /✗ FEISHU_ENCRYPT_KEY and FEISHU_VERIFICATION_TOKEN are both not set.*developer console has under "Encryption Strategy"/
        ],
        [
          ["--store", `file:${file}`],
          env,
          new RegExp(`✗ --store file:${file} must be a folder that can be written to`)
        ],
        [
          ["--store", "file:/proc"],
          env,
          /✗ --store file:\/proc must be a folder that can be written to: choose another/
        ],
        [["--store", "redis"], env, /✗ FEISHU_REDIS_URL is not set, and --store redis needs it/],
        [
          ["--store", `redis://default:${password}@127.0.0.1:6379`, "--json"],
          env,
          /✗? ?--store holds a user name or a password.*put the whole URL into FEISHU_REDIS_URL, and give --store redis/
        ]
      ]
      const results = yield* Effect.forEach(cases, ([args, env]) => run(["serve", ...args], { env }), {
        concurrency: 2
      })
      results.forEach(({ code, stderr, stdout }, index) => {
        const [args = [], , says = / /] = cases[index] ?? []
        assert.strictEqual(code, 2, stdout + stderr)
        assert.match(args.includes("--json") ? String(JSON.stringify(documentIn(stdout))) : stderr, says)
        if (!args.includes("--json")) assert.strictEqual(stdout, "")
        assertNoSecrets(stdout + stderr, [password])
      })
      assert.strictEqual(yield* resends(appId), 0)
    }))

  it.scoped("goes on where the platform refuses or is not there, says so, and takes a ticket all the same", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const arrives = (appId: string, { printed, url }: Effect.Effect.Success<ReturnType<typeof serve>>) =>
        Effect.gen(function*() {
          yield* saveUrl(appId, url)
          yield* emulator.pushTicket(appId)
          yield* printed(/^ticket |"type":"ticket"/m)
        })

      const refused = Effect.gen(function*() {
        const appId = "cli_refused"
        yield* emulator.setApp(app(appId))
        const wrong = "another-secret-0123456789"
        const command = yield* serve(appId, [], { env: { FEISHU_APP_SECRET: wrong } })
        yield* command.logged(
          /error: .* refused with code 10014 .* Check that the app id and the app secret belong together/
        )
        yield* command.logged(/asking again in 5m; a ticket that the platform pushes before is taken, too/)
        yield* arrives(appId, command)
        yield* command.signal("SIGINT")
        const { code, stderr, stdout } = yield* command.ended
        assert.strictEqual(code, 0)
        assertNoSecrets(stdout + stderr, [wrong])
        assert.strictEqual(yield* resends(appId), 1)
      })

      const unreachable = Effect.gen(function*() {
        const appId = "cli_unreachable"
        yield* emulator.setApp(app(appId))
        const nobody = `127.0.0.1:${yield* Effect.scoped(listenOn(0))}`
        const command = yield* serve(appId, ["--json"], { env: { FEISHU_BASE_URL: `http://${nobody}` } })
        yield* command.printed(/"type":"no ticket"/)
        yield* arrives(appId, command)
        yield* command.signal("SIGINT")
        const { code, stderr, stdout } = yield* command.ended
        assert.strictEqual(code, 0)
        const failures = documentsIn(stdout).filter(({ type }) => type === "no ticket")
        assert.strictEqual(failures.length, 1)
        assert.deepInclude(failures[0]?.["error"], { _tag: "FeishuNetworkError", reason: "Connection" })
        assert.match(stderr, new RegExp(`error: .*${nobody}/.* Check the network, DNS, and any proxy or firewall`))
        assert.include(stderr, "asking again in 1m")
        assertNoSecrets(stdout + stderr)
      })

      yield* Effect.all([refused, unreachable], { concurrency: 2 })
    }))

  it.scoped("in a terminal, shows for how long it has waited, wipes that out, and garbles no line", () =>
    Effect.gen(function*() {
      const appId = "cli_terminal"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const command = yield* serve(appId, ["--events", "--drop-events"], { isTerminal: true })
      yield* command.printed(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] waiting for the app ticket, which may take 2 minutes, \d+ s so far/)
      yield* command.printed(/, ([2-9]|\d\d) s so far/)
      // Other lines come meanwhile, on standard output and on standard error.
      yield* saveUrl(appId, command.url)
      yield* emulator.setPushFaults([Fault.Forged()])
      yield* emulator.push(appId, { type: "contact.user.created_v3", payload: {} })
      yield* command.printed(/event .*contact\.user\.created_v3/)
      yield* command.printed(/, ([3-9]|\d\d) s so far/)
      yield* emulator.pushTicket(appId)
      // Two fibers tell of the ticket, in either order.
      yield* command.printed(/an app ticket has come/)
      yield* command.printed(/, valid for/)
      yield* command.type("\x03")
      const { code, stdout } = yield* command.ended
      assert.strictEqual(code, 0)

      assert.include(stdout, "\x1b[32m", "colours")
      const lines = screen(stdout).map((line) => line.replace(/^\^C/, "")).filter((line) => line !== "")
      const expected = [
        /^app {6}cli_terminal, of http:\/\/127\.0\.0\.1:\d+$/,
        /^url {6}http:\/\/localhost:\d+\/webhook\/event$/,
        /^ {9}Save the public address that leads here as the request URL in the developer console\.$/,
        /^store {4}files in \S+\/feishu-ticket$/,
        /^\d\d:\d\d:\d\d {2}asking the platform for an app ticket$/,
        /^\d\d:\d\d:\d\d {2}the platform will push an app ticket, which may take 2 minutes$/,
        /^url {6}was asked for its challenge, and has answered$/,
        /^\d\d:\d\d:\d\d {2}warning: refused a delivery to the request URL \(Signature\): .*$/,
        /^event {4}contact\.user\.created_v3, \w+, tenant tenant_1, of \S+Z, answered 200$/,
        /^ticket {3}\w{4}…, sent at \S+Z, valid for (3h|2h 59m)$/,
        /^\d\d:\d\d:\d\d {2}an app ticket has come$/
      ]
      for (const line of lines) {
        assert.isTrue(expected.some((pattern) => pattern.test(line)), `${line}\nis on the screen:\n${lines.join("\n")}`)
      }
      for (const pattern of expected) assert.isTrue(lines.some((line) => pattern.test(line)), `no ${pattern}`)
      assertNoSecrets(stdout)
    }))

  it.scoped("ends at once with Ctrl-C, whatever is under way, and leaves the port free", () =>
    Effect.gen(function*() {
      const appId = "cli_interrupted"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      yield* emulator.setFaults([Fault.Delay({ duration: Duration.infinity })])
      const command = yield* serve(appId, [], { isTerminal: true })
      yield* happened((entry) => entry._tag === "Call" && entry.appId === appId && entry.fault === "Delay")
      const half = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof connect>>((resume) => {
          const socket = connect(command.port, "127.0.0.1", () => resume(Effect.succeed(socket)))
          socket.on("error", () => {})
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      half.write(
        "POST /webhook/event HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
      )
      half.resume()
      const closed = new Promise((resolve) => half.once("close", resolve))
      // One that has got its answer stays open, too.
      assert.strictEqual((yield* command.get("/healthz")).status, 503)
      yield* command.type("\x03")
      const [duration, { code, stdout }] = yield* Effect.timed(command.ended)
      assert.strictEqual(code, 0)
      // Less than any time limit that it has.
      assert.isBelow(Duration.toMillis(duration), 4000)
      yield* Effect.promise(() => closed)
      yield* listenOn(command.port)
      yield* emulator.setFaults([])
      assert.notInclude(stdout, "Error")
      assert.isEmpty(screen(stdout).filter((line) => line.includes("so far") || line.includes("waiting for")))
      assertNoSecrets(stdout)
    }))
})

it.scoped("tells after two and a half minutes that no ticket has come, and goes on", () => {
  const printed: InProcess.Printed = { stdout: [], stderr: [] }
  return Effect.gen(function*() {
    const appId = "cli_silent"
    const emulator = yield* Emulator.Emulator
    yield* emulator.setApp(app(appId))
    const command = yield* Effect.fork(Serve.run({
      ...InProcess.serve,
      dotenv: Option.some(yield* InProcess.dotenv(yield* variables(appId))),
      host: Option.some("127.0.0.1"),
      json: true
    }))
    const accepted = (count: number) =>
      InProcess.until(
        Effect.sync(() =>
          printed.stderr.filter((text) => text.startsWith("the platform will push an app ticket")).length === count
        )
      )
    yield* accepted(1)
    yield* TestClock.adjust("119 seconds")
    assert.strictEqual(yield* resends(appId), 1)
    yield* TestClock.adjust("2 seconds")
    yield* accepted(2)
    assert.deepStrictEqual(documentsIn(printed.stdout.join("\n") + "\n").map(({ type }) => type), ["listening"])
    yield* TestClock.adjust("29 seconds")
    yield* InProcess.until(Effect.sync(() => printed.stdout.length > 1))
    const [listening, failure] = documentsIn(printed.stdout.join("\n") + "\n")
    assert.deepInclude(failure, { type: "no ticket" })
    assert.deepInclude(failure?.["error"], { _tag: "TicketTimeout" })
    const advice = /^No app ticket for cli_silent came within 2m 30s\..*Check in the developer console that /
    assert.isTrue(printed.stderr.some((text) => advice.test(text)), printed.stderr.join("\n"))

    // It still asks, when the time has come, and it takes what comes.
    yield* TestClock.adjust("92 seconds")
    yield* accepted(3)
    yield* emulator.setRequestUrl(appId, String(listening?.["url"]))
    yield* emulator.pushTicket(appId)
    yield* InProcess.until(Effect.sync(() => printed.stdout.some((text) => text.includes("\"type\":\"ticket\""))))
    yield* Fiber.interrupt(command)
    assertNoSecrets(printed.stdout.join("\n") + printed.stderr.join("\n"))
  }).pipe(Effect.provide(Layer.merge(InProcess.layer(printed), Emulator.layerServer({ apps: [] }))))
})
