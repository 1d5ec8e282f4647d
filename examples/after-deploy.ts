/**
 * Measures how long an app cannot call the platform after a deploy: `npm run after-deploy`.
 *
 * Starts an app as a process, lets the app serve a call, stops the process, and starts it again on the same port. The apps are
 * `official-sdk.ts`, and `tenant.ts` with its ticket in memory or in a file. The platform is an emulator for each app.
 */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { Command, FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import {
  Clock,
  Config,
  Console,
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Layer,
  Redacted,
  Schedule,
  Stream
} from "effect"
import { createRequire } from "node:module"
import { extname } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const sdk: { readonly version: string } = createRequire(import.meta.url)("@larksuiteoapi/node-sdk/package.json")

const resendPath = "/open-apis/auth/v3/app_ticket/resend"

const secrets = {
  FEISHU_APP_SECRET: "an example's secret",
  FEISHU_ENCRYPT_KEY: "an example's encrypt key",
  FEISHU_VERIFICATION_TOKEN: "an example's verification token"
}

const app = {
  appId: "cli_example",
  appSecret: Redacted.make(secrets.FEISHU_APP_SECRET),
  encryptKey: Redacted.make(secrets.FEISHU_ENCRYPT_KEY),
  verificationToken: Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
}

// The apps must not see the variables of whoever runs this.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("FEISHU_")) delete process.env[name]
}

/** An app does not do what is measured, so there is nothing to print. */
class Unusable extends Data.TaggedError("Unusable")<{ readonly message: string }> {}

interface Contender {
  readonly name: string
  readonly program: string
  readonly ticketIn: "memory" | "file"
}

const contenders: ReadonlyArray<Contender> = [
  { name: `official SDK ${sdk.version}, its default cache`, program: "official-sdk", ticketIn: "memory" },
  { name: "this library, ticket in memory", program: "tenant", ticketIn: "memory" },
  { name: "this library, ticket in a file", program: "tenant", ticketIn: "file" }
]

interface Condition {
  readonly name: string
  readonly faults: ReadonlyArray<Fault.Rule<Fault.Fault>>
}

const conditions: ReadonlyArray<Condition> = [
  { name: "The platform accepts the first resend:", faults: [] },
  {
    name: "The connection of the first resend breaks off:",
    faults: [Fault.next(1, Fault.Drop(), { only: resendPath })]
  }
]

/** Starts an app beside this file, in the same way in which this process was started, and waits until the app listens. */
const startApp = (program: string, variables: Record<string, string>) =>
  Effect.gen(function*() {
    const path = fileURLToPath(new URL(`${program}${extname(import.meta.url)}`, import.meta.url))
    const started = yield* Command.make(process.execPath, ...process.execArgv, path).pipe(
      Command.env({ ...secrets, FEISHU_APP_ID: app.appId, ...variables }),
      Command.start
    )
    const listening = yield* Deferred.make<string>()
    // Reads all output, because a full pipe would stop the process.
    yield* Stream.merge(started.stdout, started.stderr).pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => {
        const [, port] = /Listening on http:\/\/\S+?:(\d+)/.exec(line) ?? []
        return port === undefined ? Effect.void : Deferred.succeed(listening, port)
      }),
      Effect.forkScoped
    )
    const port = yield* Deferred.await(listening).pipe(
      Effect.timeoutFail({
        duration: "1 minute",
        onTimeout: () => new Unusable({ message: `${program} does not listen` })
      })
    )
    return { port, stop: started.kill("SIGTERM") }
  })

interface Answer {
  readonly status: number
  readonly millis: number
}

const call = (url: string) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const status = yield* Effect.tryPromise(async (signal) => {
      const response = await fetch(`${url}/tenants/tenant_1`, { signal })
      await response.arrayBuffer()
      return response.status
    })
    return { status, millis: (yield* Clock.currentTimeMillis) - start }
  })

/** Calls an app until a call succeeds. Returns all answers, and the time of the success. */
const callUntilSuccess = (url: string, every: Duration.Duration) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const answers: Array<Answer> = []
    yield* call(url).pipe(
      Effect.tap((answer) => answers.push(answer)),
      Effect.repeat({ until: ({ status }) => status === 200, schedule: Schedule.spaced(every) })
    )
    return { answers, millis: (yield* Clock.currentTimeMillis) - start }
  }).pipe(Effect.timeoutFail({
    duration: "3 minutes",
    onTimeout: () => new Unusable({ message: `no call of ${url} succeeds` })
  }))

interface Timing {
  readonly pushDelay: Duration.Duration
  readonly callEvery: Duration.Duration
}

const build = <I, S, E>(tag: Context.Tag<I, S>, layer: Layer.Layer<I, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, tag))

/** Starts an app that serves a call. `restart` stops the app, starts it again, and measures. */
const prepare = ({ program, ticketIn }: Contender, { faults }: Condition, { callEvery, pushDelay }: Timing) =>
  Effect.gen(function*() {
    const emulator = yield* build(Emulator.Emulator, Emulator.layerServer({ apps: [app], pushDelay: 0 }))
    const directory = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
    const variables = {
      FEISHU_BASE_URL: emulator.baseUrl,
      TICKET_DIRECTORY: ticketIn === "file" ? directory : ""
    }

    const before = yield* startApp(program, { ...variables, PORT: "0" })
    const url = `http://127.0.0.1:${before.port}`
    // The handshake may take 1 s, and the first one is slow on a busy machine.
    yield* Effect.retry(emulator.setRequestUrl(app.appId, `${url}/webhook/event`), { times: 5 })
    yield* Effect.repeat(emulator.pushTicketAndWait(app.appId), { until: ({ outcome }) => outcome === "acknowledged" })
    yield* callUntilSuccess(url, callEvery)

    const restart = Effect.gen(function*() {
      yield* before.stop
      yield* emulator.setPushFaults([Fault.every(1, Fault.Late({ by: pushDelay }))])
      yield* emulator.setFaults(faults)
      yield* emulator.clearJournal
      const after = yield* startApp(program, { ...variables, PORT: before.port })
      const { answers, millis } = yield* callUntilSuccess(url, callEvery)
      const calls = (yield* emulator.journal).filter(Journal.$is("Call"))
      yield* after.stop
      return { answers, millis, resends: calls.filter((call) => call.path === resendPath).length }
    })
    return { restart }
  })

type Measured = Effect.Effect.Success<Effect.Effect.Success<ReturnType<typeof prepare>>["restart"]>

const seconds = (millis: number) => `${(millis / 1000).toFixed(2)} s`

const row = (name: string, cells: readonly [string, string, string, string]) =>
  `${name.padEnd(42)}${cells.map((cell, column) => cell.padStart([22, 16, 17, 11][column] ?? 0)).join("")}`

const rowOf = ({ name }: Contender, { answers, millis, resends }: Measured) => {
  const [first] = answers
  return row(`  ${name}`, [
    first === undefined ? "none" : `HTTP ${first.status} after ${seconds(first.millis)}`,
    String(answers.length - 1),
    seconds(millis),
    String(resends)
  ])
}

const introduction = ({ callEvery, pushDelay }: Timing) =>
  `How long an app cannot call the platform after a deploy

Each app has a ticket, and has served a call. Then the app is stopped, and started again on the same port. As soon as it listens,
a caller asks it for the name of a tenant, and asks again ${
    Duration.format(callEvery)
  } after each failure. The platform is an emulator, on
sockets of this machine. It pushes a ticket ${
    Duration.format(pushDelay)
  } after a resend (the real platform: within 2 minutes), and each hour.
`

const program = Effect.gen(function*() {
  const timing = yield* Config.all({
    pushDelay: Config.withDefault(Config.duration("PUSH_DELAY"), Duration.seconds(6)),
    callEvery: Config.withDefault(Config.duration("CALL_EVERY"), Duration.millis(500))
  })
  yield* Console.log(introduction(timing))
  // Two at a time, because to start a process takes a processor.
  const prepared = yield* Effect.forEach(conditions, (condition) =>
    Effect.map(
      Effect.forEach(
        contenders,
        (contender) => Effect.map(prepare(contender, condition, timing), ({ restart }) => ({ contender, restart })),
        { concurrency: 2 }
      ),
      (apps) => ({ condition, apps })
    ))
  yield* Console.log(row("", ["first call", "calls that fail", "success after", "resends"]))
  // One at a time, so that no app slows down another.
  for (const { apps, condition } of prepared) {
    yield* Console.log(condition.name)
    for (const { contender, restart } of apps) yield* Console.log(rowOf(contender, yield* restart))
  }
})

program.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
