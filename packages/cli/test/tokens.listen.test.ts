/** The addresses of the token service, and the end of the service. */
import type { AppTicket } from "@effect-feishu/core"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  DateTime,
  Deferred,
  Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Scope,
  TestClock
} from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import { dirname } from "node:path"
import * as Listen from "../src/serve/Listen.js"
import type { ServedApp } from "../src/serve/ServedApp.js"
import * as Keys from "../src/serve/tokens/Keys.js"
import * as Service from "./tokenService.js"

const appId = "cli_listen"
const path = "/v1/tenants/tenant_1/token"

/** An app whose token comes when the test says so. `asked` is done when a caller waits. Default: the app has no ticket. */
const slowApp = (more?: Partial<ServedApp>) =>
  Effect.gen(function*() {
    const asked = yield* Deferred.make<void>()
    const come = yield* Deferred.make<void>()
    const expiresAt = DateTime.add(yield* DateTime.now, { hours: 1 })
    const token = { value: Redacted.make("t-0123456789"), expiresAt, tenantKey: Option.none() }
    const app = Effect.as(Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(come)), token)
    const apps = Service.appsOf(
      Service.stub(appId, {
        tokens: { app, tenant: () => Effect.succeed(token), invalidate: () => Effect.void },
        ...more
      })
    )
    return { apps, asked, come }
  })

const layer = Layer.merge(NodeContext.layer, Service.quiet)

const socketPath = Effect.flatMap(
  FileSystem.FileSystem,
  (fs) => Effect.map(fs.makeTempDirectoryScoped(), (folder) => ({ fs, path: `${folder}/tokens.sock` }))
)

const modeOf = (fs: FileSystem.FileSystem, path: string) => Effect.map(fs.stat(path), ({ mode }) => mode & 0o777)

/** Leaves the file of a socket behind, as a process does that is killed. */
const leaveSocket = (path: string) =>
  Effect.promise(async () => {
    const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
    await once(child.stdout, "data")
    child.kill("SIGKILL")
    await once(child, "exit")
  })

/** The most bytes of the path of a socket on this system. */
const longestPath = process.platform === "linux" ? 107 : 103

describe("A Unix socket", () => {
  it.scopedLive("is for the owner only, needs no key, and is removed at the end", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { fs, path: socket } = yield* socketPath
      yield* Effect.scoped(Effect.gen(function*() {
        const mask = process.umask()
        const { ask, url } = yield* Service.listen(apps, { keys: Keys.none, address: { _tag: "Unix", path: socket } })
        assert.strictEqual(process.umask(), mask)
        assert.strictEqual(url, `unix:${socket}`)
        assert.strictEqual(yield* modeOf(fs, socket), 0o600)
        assert.strictEqual((yield* ask(path, { key: null, headers: { host: "tokens" } })).json.token, "t-0123456789")
        const page = yield* ask(path, { key: null, headers: { origin: "https://evil.example" } })
        assert.strictEqual(page.status, 403)
      }))
      assert.isFalse(yield* fs.exists(socket))
    }).pipe(Effect.provide(layer)))

  it.scopedLive("takes the place of the socket of a dead process", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { fs, path: socket } = yield* socketPath
      yield* leaveSocket(socket)
      assert.isTrue(yield* fs.exists(socket))
      const { ask } = yield* Service.listen(apps, { address: { _tag: "Unix", path: socket } })
      assert.strictEqual((yield* ask(path)).status, 200)
      assert.strictEqual(yield* modeOf(fs, socket), 0o600)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("of a live process is left alone", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { path: socket } = yield* socketPath
      const { ask } = yield* Service.listen(apps, { address: { _tag: "Unix", path: socket } })
      const error = yield* Effect.flip(Service.listen(apps, { address: { _tag: "Unix", path: socket } }))
      assert.strictEqual(
        error.message,
        `another process listens on --tokens-socket ${socket}: end that process, or name another path`
      )
      assert.strictEqual((yield* ask(path)).status, 200)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("does not replace a file, and needs a folder", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { fs, path: socket } = yield* socketPath
      yield* fs.writeFileString(socket, "a file")
      const file = yield* Effect.flip(Service.listen(apps, { address: { _tag: "Unix", path: socket } }))
      assert.strictEqual(
        file.message,
        `--tokens-socket ${socket} is a file or a folder already: name another path, or remove it`
      )
      assert.strictEqual(yield* fs.readFileString(socket), "a file")
      const lost = yield* Effect.flip(Service.listen(apps, { address: { _tag: "Unix", path: `${socket}/none` } }))
      assert.match(lost.message, /^--tokens-socket .* cannot be listened on: its folder must be writable/)
      const none = yield* Effect.flip(
        Service.listen(apps, { address: { _tag: "Unix", path: `${socket}-folder/none` } })
      )
      assert.match(none.message, /^--tokens-socket .* cannot be listened on: its folder does not exist/)
    }).pipe(Effect.provide(layer)))

  it.scopedLive.each([longestPath - 1, longestPath])("may have a path of %i bytes", (length) =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { fs, path } = yield* socketPath
      const socket = path.padEnd(length, "x")
      yield* Service.listen(apps, { address: { _tag: "Unix", path: socket } })
      assert.isTrue(yield* fs.exists(socket))
    }).pipe(Effect.provide(layer)))

  it.scopedLive("must not have a longer path, which Node would cut", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { fs, path } = yield* socketPath
      // Each of these letters has 2 bytes.
      const socket = path.padEnd(path.length + Math.ceil((longestPath + 1 - path.length) / 2), "é")
      const error = yield* Effect.flip(Service.listen(apps, { address: { _tag: "Unix", path: socket } }))
      assert.strictEqual(
        error.message,
        `--tokens-socket ${socket} has ${
          Buffer.byteLength(socket)
        } bytes, and the path of a socket has ${longestPath} bytes at most: `
          + "name a shorter path"
      )
      assert.deepStrictEqual(yield* fs.readDirectory(dirname(path)), [])
    }).pipe(Effect.provide(layer)))
})

describe("A port", () => {
  it.scopedLive("that is taken is refused with a sentence", () =>
    Effect.gen(function*() {
      const { apps } = yield* slowApp()
      const { address } = yield* Service.listen(apps)
      const error = yield* Effect.flip(Service.listen(apps, { address }))
      assert.match(error.message, /^port \d+ cannot be listened on: choose another with --tokens-port, or 0 for any/)
      const host = yield* Effect.flip(
        Service.listen(apps, { address: { _tag: "Tcp", host: "192.0.2.1", port: 0 } })
      )
      assert.match(host.message, /^--tokens-host 192\.0\.2\.1 is no address of this machine/)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("that was free is named in the log when the server cannot take a connection", () => {
    const { layer, lines } = Service.collectLog()
    return Effect.gen(function*() {
      const address = yield* Listen.serve((request, response) => {
        const { server } = request.socket as Net.Socket & { readonly server: Http.Server }
        server.emit("error", new Error("too many open files"))
        response.end()
      }, Service.onAnyPort)
      yield* Service.ask(Service.placeOf(address), "/")
      yield* Service.until(() => lines.length > 0)
      const url = Listen.urlOf(address)
      assert.notInclude(url, ":0")
      assert.include(lines[0], `the server at ${url} cannot take a connection: too many open files`)
    }).pipe(Effect.provide(layer))
  })
})

describe("At its end, the service", () => {
  /** A service in a scope that the test closes. */
  const begin = (more?: Partial<ServedApp>) =>
    Effect.gen(function*() {
      const { apps, asked, come } = yield* slowApp(more)
      const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
      const service = yield* Scope.extend(Service.listen(apps), scope)
      return { ...service, asked, come, end: Scope.close(scope, Exit.void) }
    })

  const refuses = ({ place }: { readonly place: object }) =>
    Effect.async<boolean>((resume) => {
      const socket = Net.connect(place as Net.TcpNetConnectOpts)
      socket.once("connect", () => {
        socket.destroy()
        resume(Effect.succeed(false))
      })
      socket.once("error", () => resume(Effect.succeed(true)))
    })

  it.scopedLive("takes no new connection, finishes what it has begun, and closes idle connections", () =>
    Effect.gen(function*() {
      const service = yield* begin()
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      assert.strictEqual((yield* service.ask(path, { agent })).status, 200)
      const busy = new Http.Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => busy.destroy()))
      const waiting = yield* Effect.fork(service.ask("/v1/app/token", { agent: busy }))
      yield* Deferred.await(service.asked)
      const ending = yield* Effect.fork(service.end)
      yield* Effect.repeat(refuses(service), { until: (refused) => refused })
      assert.isTrue(Option.isNone(yield* Fiber.poll(ending)))
      // The idle connection is closed though another request is under way.
      yield* Service.until(() => Object.values(agent.freeSockets).flat().length === 0)
      yield* Deferred.succeed(service.come, undefined)
      assert.strictEqual((yield* Fiber.join(waiting)).status, 200)
      // The connection of the request is kept alive, and must not hold up the end.
      yield* Effect.timeout(Fiber.join(ending), "5 seconds")
    }).pipe(Effect.provide(layer)))

  it.scopedLive("closes a connection after a request that comes during the end", () =>
    Effect.gen(function*() {
      const service = yield* begin()
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Net.connect(service.place as Net.TcpNetConnectOpts)),
        (socket) => Effect.sync(() => socket.destroy())
      )
      let received = ""
      let isClosed = false
      socket.on("data", (chunk) => (received += chunk)).on("close", () => (isClosed = true))
      const send = (path: string) =>
        socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${Service.keys.billing}\r\n\r\n`)
      send("/v1/app/token")
      yield* Deferred.await(service.asked)
      const ending = yield* Effect.fork(service.end)
      yield* Effect.repeat(refuses(service), { until: (refused) => refused })
      send(path)
      yield* Deferred.succeed(service.come, undefined)
      yield* Service.until(() => isClosed)
      yield* Fiber.join(ending)
      const [first = "", second = ""] = received.split(/(?=HTTP\/1\.1 )/)
      assert.match(first, /^HTTP\/1\.1 200 OK\r\n/)
      assert.match(second, /^HTTP\/1\.1 200 OK\r\n/)
      assert.notMatch(first, /connection: close/i)
      assert.match(second, /connection: close/i)
    }).pipe(Effect.provide(layer)))

  /** Ends the service, and runs the clock until the end. Returns the milliseconds that the end took. */
  const endOf = ({ end }: { readonly end: Effect.Effect<void> }) =>
    Effect.gen(function*() {
      const ending = yield* Effect.fork(Effect.timed(end))
      const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      yield* Effect.repeat(
        Effect.andThen(Effect.andThen(turn, TestClock.adjust("100 millis")), Fiber.poll(ending)),
        { until: Option.isSome }
      )
      const [duration] = yield* Fiber.join(ending)
      return Duration.toMillis(duration)
    })

  const assertClosing = ({ headers, json, status }: Service.Answer) => {
    assert.strictEqual(status, 503)
    assert.strictEqual(json.error._tag, "ServiceClosing")
    assert.strictEqual(headers["retry-after"], "1")
  }

  for (const path of ["/v1/app/token", "/v1/ticket"]) {
    it.scoped(`answers 503 after 3 s to a request for ${path} that waits for a ticket, and ends then`, () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const get = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
        const tickets = { get } as Partial<AppTicket.Service> as AppTicket.Service
        const service = yield* begin({ tickets })
        const waiting = yield* Effect.fork(service.ask(path))
        yield* Deferred.await(path === "/v1/ticket" ? asked : service.asked)
        const took = yield* endOf(service)
        assertClosing(yield* Fiber.join(waiting))
        assert.isAtLeast(took, 3000)
        assert.isBelow(took, 9000)
      }).pipe(Effect.provide(layer)))
  }

  const ticket = Effect.map(DateTime.now, (sentAt) => ({ value: Redacted.make("a ticket"), sentAt }))
  const withTicket = { tickets: { get: ticket } as Partial<AppTicket.Service> as AppTicket.Service }

  it.scoped("finishes a fetch that takes 5 s, because a ticket is there", () =>
    Effect.gen(function*() {
      const service = yield* begin(withTicket)
      const waiting = yield* Effect.fork(service.ask("/v1/app/token"))
      yield* Deferred.await(service.asked)
      yield* Effect.fork(Effect.delay(Deferred.succeed(service.come, undefined), "5 seconds"))
      const took = yield* endOf(service)
      assert.strictEqual((yield* Fiber.join(waiting)).status, 200)
      assert.isAtLeast(took, 5000)
      assert.isBelow(took, 9000)
    }).pipe(Effect.provide(layer)))

  it.scoped("answers 503 to a fetch that would take longer than the end may", () =>
    Effect.gen(function*() {
      const service = yield* begin(withTicket)
      const waiting = yield* Effect.fork(service.ask("/v1/app/token"))
      yield* Deferred.await(service.asked)
      const took = yield* endOf(service)
      assertClosing(yield* Fiber.join(waiting))
      assert.isAtLeast(took, 9000)
      assert.isBelow(took, 10_000)
    }).pipe(Effect.provide(layer)))
})
