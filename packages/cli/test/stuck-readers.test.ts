/** The end of `serve` and `emulator` while a reader of their output is stuck or slow. */
import { Emulator } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Option, Schedule } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import { app, saveUrl, variables } from "./serving.js"

const bin = join(import.meta.dirname, "../bin/feishu-ticket.js")

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "10 millis" }))

/** Calls `step` until the pipe is full, or empty. */
const untilBlocked = (step: () => void): void => {
  try {
    for (;;) step()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
  }
}

/** A pipe that is read only when the test reads. */
const makePipe = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = join(yield* fs.makeTempDirectoryScoped(), "pipe")
  execFileSync("mkfifo", [path])
  const open = (flags: number) =>
    Effect.acquireRelease(
      Effect.sync(() => openSync(path, flags)),
      (descriptor) => Effect.sync(() => closeSync(descriptor))
    )
  const descriptor = yield* open(constants.O_RDWR | constants.O_NONBLOCK)
  let text = ""
  const read = Effect.sync(() => {
    const buffer = Buffer.alloc(4096)
    untilBlocked(() => void (text += buffer.toString("utf8", 0, readSync(descriptor, buffer))))
    return text
  })
  return {
    /** For the process: a spawn makes the descriptors of the process blocking. */
    end: yield* open(constants.O_WRONLY),
    /** Returns all that has been read. */
    read,
    /** Reads until the pipe has brought this. */
    printed: (pattern: RegExp) =>
      Effect.map(read, (text) => Option.fromNullable(pattern.exec(text))).pipe(
        Effect.flatten,
        Effect.retry(Schedule.spaced("20 millis")),
        Effect.timeout("20 seconds")
      ),
    /** Leaves no room for a byte. */
    fill: Effect.sync(() => {
      for (const bytes of [4096, 1]) untilBlocked(() => void writeSync(descriptor, Buffer.alloc(bytes, " ")))
    })
  }
})

/** Starts the command with a pipe for each of its streams. */
const start = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const [stdout, stderr] = yield* Effect.all([makePipe, makePipe])
    const code = yield* Deferred.make<number | null>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [bin, ...args], {
          env: { ...process.env, ...env },
          stdio: ["ignore", stdout.end, stderr.end]
        }).once("exit", (exitCode) => Deferred.unsafeDone(code, Exit.succeed(exitCode)))
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return {
      stdout,
      stderr,
      terminate: Effect.sync(() => child.kill("SIGTERM")),
      /** The exit code. */
      ended: Effect.timeout(Deferred.await(code), "10 seconds")
    }
  })

/** `serve --tokens` with a ticket. */
const startServe = (appId: string) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setApp({ ...app(appId), tenants: ["tenant_1"] })
    const args = ["serve", "--port", "0", "--store", "memory", "--events", "--tokens", "--tokens-port", "0"]
    const serve = yield* start(args, yield* variables(appId))
    const [url] = yield* serve.stdout.printed(/http:\/\/localhost:\d+\/[\w/]*/)
    const [, tokens = ""] = yield* serve.stdout.printed(/^tokens +(\S+)$/m)
    yield* saveUrl(appId, url)
    yield* emulator.pushTicketAndWait(appId)
    const ask = Effect.promise(async () => (await fetch(`${tokens}/v1/tenants/tenant_1/token`)).status)
    assert.strictEqual(yield* ask, 200)
    yield* serve.stderr.printed(/revealed the tenant access token/)
    const isClosed = Effect.promise(() => fetch(url).then(() => false, () => true))
    return {
      ...serve,
      ask,
      /** Causes a line on standard output. */
      deliver: emulator.pushAndWait(appId, { type: "contact.user.created_v3", payload: {} }),
      /** Waits until the process listens no longer, which is the last part of its end. */
      closed: Effect.repeat(isClosed, { until: (isClosed) => isClosed, schedule: Schedule.spaced("5 millis") })
    }
  })

layer(Live, { excludeTestServices: true })("A reader of the output", (it) => {
  it.scoped("that is stuck does not keep serve from ending after SIGTERM", () =>
    Effect.gen(function*() {
      const { deliver, ended, stdout, terminate } = yield* startServe("cli_stuck")
      yield* stdout.fill
      yield* deliver
      yield* terminate
      assert.strictEqual(yield* ended, 70)
    }))

  it.scoped("that is stuck does not keep emulator from ending after SIGTERM", () =>
    Effect.gen(function*() {
      const { ended, stdout, terminate } = yield* start(["emulator", "--port", "0"])
      const [, url = ""] = yield* stdout.printed(/^FEISHU_BASE_URL=(\S+)$/m)
      yield* stdout.fill
      yield* Effect.promise(() => fetch(`${url}/_emulator/apps/cli_emulated/tickets`, { method: "POST" }))
      yield* terminate
      assert.strictEqual(yield* ended, 70)
    }))

  it.scoped("that is slow gets the lines of the log that serve has written before its end", () =>
    Effect.gen(function*() {
      const { ask, closed, ended, stderr, terminate } = yield* startServe("cli_slow")
      yield* stderr.fill
      assert.strictEqual(yield* ask, 200)
      yield* terminate
      yield* closed
      yield* stderr.printed(/(revealed the tenant access token[^]*){2}/)
      assert.strictEqual(yield* ended, 0)
    }))

  it.scoped("that is stuck and loses lines of the log lets serve end with 70", () =>
    Effect.gen(function*() {
      const { ask, ended, stderr, terminate } = yield* startServe("cli_lost")
      yield* stderr.fill
      assert.strictEqual(yield* ask, 200)
      yield* terminate
      assert.strictEqual(yield* ended, 70)
    }))
})
