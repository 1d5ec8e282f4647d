/** The examples as processes of their own, with an emulator that knows their apps. */
import { Emulator, Journal } from "@effect-feishu/emulator"
import { Command } from "@effect/platform"
import { Effect, Option, Redacted, Schedule, Stream, SubscriptionRef } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { bundled } from "./bundled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
export const secrets = {
  FEISHU_APP_SECRET: "an app's secret",
  FEISHU_ENCRYPT_KEY: "an app's encrypt key",
  FEISHU_VERIFICATION_TOKEN: "an app's verification token"
}

// The programs must not see the variables of whoever runs the tests.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("FEISHU_")) delete process.env[name]
}

export const app = (appId: string) => ({
  appId,
  appSecret: Redacted.make(secrets.FEISHU_APP_SECRET),
  encryptKey: Redacted.make(secrets.FEISHU_ENCRYPT_KEY),
  verificationToken: Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
})

/** Runs the command until the scope ends. */
export const run = (command: Command.Command, variables: Record<string, string>) =>
  Effect.gen(function*() {
    const started = yield* Command.start(Command.env(command, variables))
    const output = yield* SubscriptionRef.make("")
    yield* Stream.merge(Stream.decodeText(started.stdout), Stream.decodeText(started.stderr)).pipe(
      Stream.runForEach((text) => SubscriptionRef.update(output, (before) => before + text)),
      Effect.forkScoped
    )
    /** Waits for this in what the program prints. */
    const printed = (pattern: RegExp) =>
      output.changes.pipe(
        Stream.filterMap((text) => Option.fromNullable(pattern.exec(text))),
        Stream.runHead,
        Effect.flatten,
        Effect.timeout("40 seconds"),
        Effect.catchAll(() => Effect.flatMap(output.get, (text) => Effect.dieMessage(`no ${pattern} in:\n${text}`)))
      )
    return { started, output: output.get, printed }
  })

/** Runs an example until the scope ends. */
export const start = ([program, ...args]: readonly [string, ...Array<string>], variables: Record<string, string>) =>
  run(Command.workingDirectory(Command.make("node", bundled(program), ...args), root), variables)

/** Runs an example that is a server of this app of the emulator, and saves its request URL, until the scope ends. */
export const startServer = (
  program: readonly [string, ...Array<string>],
  appId: string,
  variables: Record<string, string> = {}
) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const server = yield* start(program, {
      FEISHU_APP_ID: appId,
      FEISHU_BASE_URL: emulator.baseUrl,
      ...secrets,
      PORT: "0",
      ...variables
    })
    const [, port] = yield* server.printed(/Listening on http:\/\/\S+:(\d+)\b/)
    const origin = `http://127.0.0.1:${port}`
    // The challenge may take longer than 1 s on a busy machine.
    yield* Effect.retry(emulator.setRequestUrl(appId, `${origin}/webhook/event`), { times: 5 })
    return { ...server, emulator, origin }
  })

export type Started = Effect.Effect.Success<ReturnType<typeof run>>

/** Waits for the end of the first push that this is true of. */
export const pushed = (is: (push: Extract<Journal.Entry, { _tag: "Push" }>) => boolean) =>
  Effect.flatMap(Emulator.Emulator, ({ journal }) => journal).pipe(
    Effect.flatMap((entries) => Option.fromNullable(entries.filter(Journal.$is("Push")).find(is))),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("30 seconds")
  )

export const get = (url: string, init?: RequestInit) => Effect.promise(() => fetch(url, init))

/** Connects, and sends nothing until the scope ends. */
export const connectSilently = (origin: string) =>
  Effect.gen(function*() {
    const { hostname, port } = new URL(origin)
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect({ host: hostname, port: Number(port) })),
      (socket) => Effect.sync(() => socket.destroy())
    )
    socket.on("error", () => {})
    yield* Effect.promise(() => once(socket, "connect"))
    // The server takes the connections in their order.
    yield* get(origin)
  })
