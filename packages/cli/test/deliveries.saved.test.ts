/** Deliveries that are kept as files, and sent again by `replay`. */
import { EventHandler, EventNodeListener, EventSubscription, FeishuApp } from "@effect-feishu/core"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Console,
  Context,
  DefaultServices,
  Effect,
  Exit,
  Layer,
  Logger,
  Option,
  Queue,
  Redacted
} from "effect"
import * as Http from "node:http"
import * as Replay from "../src/commands/Replay.js"
import { Failed } from "../src/Failed.js"
import { UsageError } from "../src/Failure.js"
import type * as Options from "../src/Options.js"
import * as Saved from "../src/serve/deliveries/Saved.js"
import * as SavedFile from "../src/serve/deliveries/SavedFile.js"
import { dotenv, layer as outputLayer } from "./inProcess.js"
import {
  answering,
  type App,
  appOf,
  eventOf,
  forwardTo,
  memory,
  post,
  push,
  receive,
  seal,
  target,
  ticketOf
} from "./receiving.js"
import { listen } from "./servers.js"

const mine = appOf("cli_mine")
const key = mine.encryptKey ?? Redacted.make("")

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const namesIn = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(path))

const savedOf = (more: Partial<SavedFile.Saved> = {}): SavedFile.Saved => ({
  receivedAt: 1_760_000_000_123,
  appId: "cli_mine",
  kind: "event",
  type: "a.type_v1",
  id: "event-1",
  headers: { "content-type": "application/json" },
  body: Buffer.from("{ \"a\" : \"你好\" }\r\n"),
  ...more
})

const logTo = (lines: Array<string>) =>
  Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push(String(message))))

/** A test with the file system. */
const test = <E>(
  name: string,
  effect: Effect.Effect<void, E, NodeContext.NodeContext | import("effect/Scope").Scope>
) => it.scopedLive(name, () => Effect.provide(effect, NodeContext.layer))

describe("a saved delivery", () => {
  test(
    "is a file of its user alone, with all that was received",
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* folder}/deliveries`
      const { save } = yield* Saved.make({ folder: path })
      const file = Option.getOrThrow(yield* save(savedOf()))
      assert.strictEqual(file, `${path}/20251009T085320.123Z-a.type_v1-event-1.json`)
      assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o600)
      assert.strictEqual((yield* fs.stat(path)).mode & 0o077, 0)
      assert.deepStrictEqual(JSON.parse(yield* fs.readFileString(file)), {
        receivedAt: "2025-10-09T08:53:20.123Z",
        appId: "cli_mine",
        kind: "event",
        type: "a.type_v1",
        id: "event-1",
        headers: { "content-type": "application/json" },
        body: "{ \"a\" : \"你好\" }\r\n"
      })
      assert.deepStrictEqual(yield* SavedFile.read(file), savedOf())
      assert.deepStrictEqual(yield* namesIn(path), ["20251009T085320.123Z-a.type_v1-event-1.json"])
    })
  )

  test(
    "has its bytes in base64 if they are no UTF-8",
    Effect.gen(function*() {
      const { save } = yield* Saved.make({ folder: yield* folder })
      const body = Buffer.from([0x7b, 0xff, 0x00])
      const file = Option.getOrThrow(yield* save(savedOf({ body })))
      assert.deepStrictEqual(yield* SavedFile.read(file), savedOf({ body }))
    })
  )

  test(
    "has a name in the folder, whatever its id",
    Effect.gen(function*() {
      const path = yield* folder
      const { save } = yield* Saved.make({ folder: path })
      const file = Option.getOrThrow(yield* save(savedOf({ id: "../../e/vil\u0000", type: "x".repeat(500) })))
      const [name] = yield* namesIn(path)
      assert.strictEqual(file, `${path}/${name}`)
      assert.match(name ?? "", /^20251009T085320\.123Z-x{80}-\.\._\.\._e_vil_\.json$/)
    })
  )

  test(
    "has a name of its own, in the order of arrival",
    Effect.gen(function*() {
      const path = yield* folder
      const { save } = yield* Saved.make({ folder: path })
      const files = yield* Effect.forEach(["c", "b", "a", "a"], (id) => save(savedOf({ id })))
      const names = (yield* namesIn(path)).toSorted()
      assert.strictEqual(names.length, 4)
      assert.deepStrictEqual(files, names.map((name) => Option.some(`${path}/${name}`)))
    })
  )

  test(
    "is removed when enough newer ones are kept, also those of an earlier run",
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* folder
      yield* fs.writeFileString(`${path}/notes.json`, "of the user")
      const earlier = yield* Saved.make({ folder: path, keep: 3 })
      for (const id of ["1", "2", "3", "4"]) yield* earlier.save(savedOf({ id }))
      const later = yield* Saved.make({ folder: path, keep: 3 })
      yield* later.save(savedOf({ id: "5", receivedAt: 1_760_000_001_000 }))
      const ids = (yield* namesIn(path)).toSorted().map((name) => /-(\d)\.json$/.exec(name)?.[1] ?? name)
      assert.deepStrictEqual(ids, ["3", "4", "5", "notes.json"])
    })
  )

  test(
    "that cannot be written is logged once, until it works again",
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* folder}/gone`
      const logged: Array<string> = []
      const { save } = yield* Saved.make({ folder: path })
      yield* fs.remove(path, { recursive: true })
      const none = yield* Effect.all([save(savedOf()), save(savedOf())]).pipe(Effect.provide(logTo(logged)))
      assert.deepStrictEqual(none, [Option.none(), Option.none()])
      assert.strictEqual(logged.length, 1)
      assert.strictEqual(
        logged[0],
        `deliveries cannot be saved in ${path}: its folder does not exist; this is logged once until it works again`
      )
      yield* fs.makeDirectory(path)
      yield* Effect.provide(Effect.all([save(savedOf()), save(savedOf())]), logTo(logged))
      assert.strictEqual(logged.length, 2)
      assert.include(logged[1], "again (not saved: 2)")
    })
  )

  test(
    "cannot be kept in a file",
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      const error = yield* Effect.flip(Saved.make({ folder: file }))
      assert.instanceOf(error, UsageError)
      assert.include(error.message, `--save-deliveries ${file} must be a folder`)
    })
  )

  test(
    "is no ticket and no handshake, and a folder that is gone changes no answer",
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* folder}/deliveries`
      const { url } = yield* target(answering(200, "{\"toast\":{}}"))
      const saved = yield* Saved.make({ folder: path })
      const serve = yield* receive({ apps: [mine], saved, policy: forwardTo(url) })
      const now = yield* Clock.currentTimeMillis
      yield* push(serve.url, mine, ticketOf(mine, "the-ticket", String(now / 1000)))
      yield* push(
        serve.url,
        mine,
        JSON.stringify({ type: "url_verification", challenge: "c", token: Redacted.value(mine.verificationToken) })
      )
      yield* push(serve.url, mine, eventOf(mine, "a.type_v1", {}, "event-1"))
      yield* push(serve.url, mine, eventOf(mine, "card.action.trigger", {}, "event-2"))
      const shown = yield* Effect.replicateEffect(serve.next, 4)
      const files = shown.flatMap(({ savedAs }) => savedAs === undefined ? [] : [savedAs])
      assert.deepStrictEqual((yield* namesIn(path)).map((name) => `${path}/${name}`).toSorted(), files.toSorted())
      assert.strictEqual(files.length, 2)
      yield* fs.remove(path, { recursive: true })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 200)
      assert.strictEqual((yield* serve.next).savedAs, undefined)
    })
  )

  for (
    const [text, flaw] of [
      ["no JSON", "no JSON"],
      ["[]", "no JSON object"],
      ["{}", "receivedAt is no time"],
      ["{\"receivedAt\":\"2025-10-09T08:53:20.123Z\"}", "appId, kind, type and id must be texts"],
      [
        JSON.stringify({
          receivedAt: "2025-10-09T08:53:20.123Z",
          appId: "",
          kind: "",
          type: "",
          id: "",
          headers: { a: 1 }
        }),
        "headers must be an object of texts that HTTP can carry"
      ],
      [
        JSON.stringify({
          receivedAt: "2025-10-09T08:53:20.123Z",
          appId: "",
          kind: "",
          type: "",
          id: "",
          headers: { "no name": "" }
        }),
        "headers must be an object of texts that HTTP can carry"
      ],
      [
        JSON.stringify({ receivedAt: "2025-10-09T08:53:20.123Z", appId: "", kind: "", type: "", id: "", headers: {} }),
        "it must have either body or bodyBase64"
      ]
    ] as const
  ) {
    test(
      `is not read from ${text}`,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        yield* fs.writeFileString(file, text)
        const { message } = yield* Effect.flip(SavedFile.read(file))
        assert.strictEqual(message, `${file} is no delivery that serve has saved: ${flaw}`)
      })
    )
  }
})

/** Runs `replay` with the variables of the app. */
const replay = (
  options: Pick<Options.Replay, "files" | "to"> & Partial<Options.Replay>,
  env: Readonly<Record<string, string>> = { FEISHU_ENCRYPT_KEY: Redacted.value(key) }
) =>
  Effect.gen(function*() {
    const stdout: Array<string> = []
    const stderr: Array<string> = []
    const console: Console.Console = {
      ...Context.get(DefaultServices.liveServices, Console.Console),
      error: (...args) => Effect.sync(() => void stderr.push(args.join(" ")))
    }
    const file = yield* dotenv(env)
    const exit = yield* Replay.run({
      signAnew: false,
      json: false,
      dotenv: Option.some(file),
      appId: Option.none(),
      ...options
    }).pipe(Effect.withConsole(console), Effect.provide(outputLayer({ stdout, stderr })), Effect.exit)
    const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
    if (Exit.isFailure(exit) && !(failure instanceof Failed)) return yield* Effect.dieMessage(String(exit.cause))
    return { code: failure?.code ?? 0, stdout: stdout.join("\n"), stderr: stderr.join("\n") }
  })

/** A service of this library that gives the ids of the events it handles. */
const service = (app: App) =>
  Effect.gen(function*() {
    const handled = yield* Queue.unbounded<string>()
    const context = yield* EventSubscription.layer({
      handlers: [EventHandler.all(({ id }) => Queue.offer(handled, id))]
    })
      .pipe(
        Layer.provide(Layer.merge(FeishuApp.layer(app), Layer.succeedContext(yield* memory))),
        Layer.orDie,
        Layer.build
      )
    const listener = yield* EventNodeListener.make.pipe(
      Effect.provide(context),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
    const port = yield* listen(Http.createServer((request, response) => void listener(request, response)))
    return { url: `http://127.0.0.1:${port}/`, handled }
  })

/** Saves a delivery of the app as `serve` does, signed so many seconds ago. */
const savedFile = (app: App, { ago = 0, id = "event-1" } = {}) =>
  Effect.gen(function*() {
    const { save } = yield* Saved.make({ folder: yield* folder })
    const { body, headers } = yield* seal(app, eventOf(app, "a.type_v1", { a: "é" }, id), { ago, spaced: true })
    return Option.getOrThrow(
      yield* save(savedOf({
        id,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: Buffer.from(body)
      }))
    )
  })

describe("replay", () => {
  test(
    "sends the bytes and the headers of the deliveries that serve has saved",
    Effect.gen(function*() {
      const { next, url } = yield* target(answering(200, "{\"code\":0}"))
      const saved = yield* Saved.make({ folder: yield* folder })
      const serve = yield* receive({ apps: [mine], saved, policy: { _tag: "Refuse" } })
      const { body, headers } = yield* seal(mine, eventOf(mine, "a.type_v1"), { spaced: true })
      assert.strictEqual(
        (yield* post(serve.url, { body, headers: { ...headers, "X-Request-Id": "an-id" } })).status,
        503
      )
      const file = (yield* serve.next).savedAs ?? ""
      const { code, stdout } = yield* replay({ files: [file], to: url.href }, {})
      assert.strictEqual(code, 0)
      assert.match(stdout, /: a\.type_v1, answered 200 after \S+, \{"code":0\}\nhttp.* took 1 of 1 deliveries$/)
      assert.include(stdout, file)
      const received = yield* next
      assert.strictEqual(received.body.toString(), body)
      for (const [name, value] of Object.entries(headers)) {
        assert.strictEqual(received.headers[name.toLowerCase()], value)
      }
      assert.strictEqual(received.headers["x-request-id"], "an-id")
      assert.strictEqual(received.headers["host"], url.host)
    })
  )

  test(
    "is refused by a service if the signature is too old, and is accepted with a new signature",
    Effect.gen(function*() {
      const { handled, url } = yield* service(mine)
      const file = yield* savedFile(mine, { ago: 8 * 3600 })
      const old = yield* replay({ files: [file], to: url })
      assert.strictEqual(old.code, 1)
      assert.include(old.stdout, "answered 401")
      assert.include(old.stderr, "took 0 of 1 deliveries")
      assert.strictEqual((yield* replay({ files: [file], to: url, signAnew: true })).code, 0)
      assert.strictEqual(yield* Queue.take(handled), "event-1")
    })
  )

  test(
    "goes on after a delivery that was not taken, in the order of the files",
    Effect.gen(function*() {
      let count = 0
      const { next, url } = yield* target((response, received) =>
        answering(count++ === 0 ? 500 : 200)(response, received)
      )
      const files = yield* Effect.forEach(["event-1", "event-2"], (id) => savedFile(mine, { id }))
      const { code, stdout } = yield* replay({ files, to: url.href, json: true })
      assert.strictEqual(code, 1)
      const document = JSON.parse(stdout)
      assert.deepInclude(document, { ok: false })
      assert.deepStrictEqual(
        document.deliveries.map(({ file, id, status }: Record<string, unknown>) => [file, id, status]),
        [[files[0], "event-1", 500], [files[1], "event-2", 200]]
      )
      const first = yield* next
      const second = yield* next
      assert.notStrictEqual(first.body.toString(), second.body.toString())
    })
  )

  test(
    "ends with the code 3 if nothing answers there",
    Effect.gen(function*() {
      const away = yield* Effect.scoped(listen(Http.createServer()))
      const file = yield* savedFile(mine)
      const { code, stderr } = yield* replay({ files: [file], to: `http://127.0.0.1:${away}/` })
      assert.strictEqual(code, 3)
      assert.include(stderr, "took 0 of 1 deliveries: the service refuses the connection: nothing listens there")
    })
  )

  test(
    "sends nothing if a file is wrong",
    Effect.gen(function*() {
      const { count, url } = yield* target()
      const file = yield* savedFile(mine)
      const { code, stderr } = yield* replay({ files: [file, `${file}.not`], to: url.href })
      assert.strictEqual(code, 2)
      assert.include(stderr, `${file}.not cannot be read: there is no such file`)
      assert.strictEqual(yield* count, 0)
    })
  )

  test(
    "signs anew only with the key of the app",
    Effect.gen(function*() {
      const { count, url } = yield* target()
      const files = [yield* savedFile(mine)]
      const without = yield* replay({ files, to: url.href, signAnew: true }, {})
      assert.strictEqual(without.code, 2)
      assert.include(without.stderr, "--sign-anew needs FEISHU_ENCRYPT_KEY")
      const foreign = yield* replay({ files, to: url.href, signAnew: true }, { FEISHU_ENCRYPT_KEY: "another" })
      assert.strictEqual(foreign.code, 2)
      assert.include(foreign.stderr, `${files[0]} cannot be decrypted with FEISHU_ENCRYPT_KEY: set the key of cli_mine`)
      assert.strictEqual(yield* count, 0)
    })
  )

  test(
    "refuses a URL that is none",
    Effect.gen(function*() {
      const { code, stderr } = yield* replay({ files: ["any"], to: "localhost:3000" })
      assert.strictEqual(code, 2)
      assert.include(stderr, "--to must be an http:// or https:// URL")
    })
  )

  test(
    "shows no secret that the service repeats",
    Effect.gen(function*() {
      const token = "c-295ee57216a5dc9de90fefd0aadb4b1d7d"
      const { save } = yield* Saved.make({ folder: yield* folder })
      const { body, headers } = yield* seal(mine, eventOf(mine, "card.action.trigger", { token }))
      const file = Option.getOrThrow(yield* save(savedOf({ headers, body: Buffer.from(body) })))
      const { url } = yield* target(answering(500, `no ${token} and no ${Redacted.value(key)}`))
      for (const json of [true, false]) {
        const { stderr, stdout } = yield* replay({ files: [file], to: url.href, json })
        assert.include(stdout, "no c-29… and no …")
        assert.notInclude(stdout + stderr, token)
        assert.notInclude(stdout + stderr, Redacted.value(key))
      }
    })
  )
})
