/** `feishu-ticket serve` as a process of its own, with the platform in the tests' process. */
import { Emulator, Journal } from "@effect-feishu/emulator"
import { assert } from "@effect/vitest"
import { Effect, Option, Redacted, Schedule } from "effect"
import { createServer, type Server, type Socket } from "node:net"
import { type Options, secrets, start, startInTerminal } from "./feishuTicket.js"

export const app = (appId: string) => ({
  appId,
  appSecret: Redacted.make(secrets.FEISHU_APP_SECRET),
  encryptKey: Redacted.make(secrets.FEISHU_ENCRYPT_KEY),
  verificationToken: Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
})

/** The app's variables, and where the platform is. */
export const variables = (appId: string) =>
  Effect.map(Emulator.Emulator, ({ baseUrl }) => ({
    FEISHU_APP_ID: appId,
    FEISHU_BASE_URL: baseUrl,
    ...secrets
  }))

/** Until the scope ends, on any free port. The platform does not know its URL yet. */
export const serve = (
  appId: string,
  args: ReadonlyArray<string> = [],
  { env, isTerminal = false }: Pick<Options, "env"> & { readonly isTerminal?: boolean } = {}
) =>
  Effect.gen(function*() {
    const command = yield* (isTerminal ? startInTerminal : start)(["serve", "--port", "0", ...args], {
      env: { ...yield* variables(appId), ...env }
    })
    const [url, port] = yield* command.printed(/http:\/\/localhost:(\d+)\/[\w/]*/)
    return {
      ...command,
      url,
      port: Number(port),
      get: (path: string) => Effect.promise(() => fetch(new URL(path, url)))
    }
  })

/** Saves the URL, as the developer console does; a slow machine may take more than the second that the platform waits. */
export const saveUrl = (appId: string, url: string) =>
  Effect.flatMap(Emulator.Emulator, (emulator) => Effect.retry(emulator.setRequestUrl(appId, url), { times: 2 }))

/** Waits for this in the platform's journal. */
export const happened = (is: (entry: Journal.Entry) => boolean) =>
  Effect.flatMap(Emulator.Emulator, ({ journal }) => journal).pipe(
    Effect.flatMap((entries) => Option.fromNullable(entries.find(is))),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("25 seconds")
  )

export const isPush = (appId: string, outcome: string, eventId?: string) => (entry: Journal.Entry) =>
  entry._tag === "Push" && entry.appId === appId && entry.outcome === outcome
  && (eventId === undefined || entry.eventId === eventId)

/** Waits until the resend's push has come to nothing, for the platform knows no request URL of the app. */
export const pushIsLost = (appId: string) => happened(isPush(appId, "no request URL"))

export const resends = (appId: string) =>
  Effect.flatMap(Emulator.Emulator, ({ journal }) => journal).pipe(
    Effect.map((entries) =>
      entries.filter((entry) => entry._tag === "Call" && entry.appId === appId && entry.path.endsWith("/resend")).length
    )
  )

export const assertNoSecrets = (output: string, others: ReadonlyArray<string> = []) => {
  for (const secret of [...Object.values(secrets), ...others]) assert.notInclude(output, secret)
}

/** The documents of `--json`, one a line. */
export const documentsIn = (stdout: string): ReadonlyArray<Record<string, unknown>> => {
  const lines = stdout.split("\n")
  assert.strictEqual(lines.pop(), "")
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** What a terminal has on it after this: its lines, without colours. */
export const screen = (output: string): ReadonlyArray<string> => {
  const lines = [""]
  let column = 0
  for (const [piece] of output.matchAll(/\x1b\[2K|\x1b\[[\d;]*m|\r|\n|[^\x1b\r\n]+/g)) {
    const row = lines.length - 1
    const line = lines[row] ?? ""
    if (piece === "\r") column = 0
    else if (piece === "\n") lines.push("")
    else if (piece === "\x1b[2K") lines[row] = ""
    else if (!piece.startsWith("\x1b")) {
      lines[row] = line.slice(0, column).padEnd(column) + piece + line.slice(column + piece.length)
      column += piece.length
    }
  }
  return lines
}

/** Until the scope ends; 0 is any free port. Fails where somebody listens there. */
export const listenOn = (port: number, onConnection: (socket: Socket) => void = () => {}) =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.async<Server, Error>((resume) => {
        const server = createServer((socket) => {
          sockets.add(socket.on("error", () => {}))
          onConnection(socket)
        })
        server.once("error", (error) => resume(Effect.fail(error)))
        server.listen(port, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : port
  })
