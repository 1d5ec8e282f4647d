/**
 * Answers calls with changed answers of the platform, over sockets. A call must end in its time, with a value or with one of the
 * errors that it declares, must not succeed unless the platform said so, and must not show a secret in its error.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as RetryPolicy from "@effect-feishu/core/RetryPolicy"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { once } from "node:events"
import * as Net from "node:net"
import * as Outcome from "../outcome.js"
import * as Dice from "./Dice.js"
import type { Examine } from "./Finding.js"
import * as Mutations from "./mutations.js"

const secrets = { appSecret: "the-app-secret-42", ticket: "g-the-ticket-42", token: "t-the-token-42" }

/** A call that takes longer hangs: it has 300 ms. */
const longest = "10 seconds"

// The answers

/** The platform may show what it was sent: `sent` is a secret that the call has sent. */
const bodiesOf = (sent: string): readonly [object, ...ReadonlyArray<object>] => [
  { code: 0, msg: "success" },
  { code: 0, msg: "ok", app_access_token: "a-the-token-43", expire: 7200, tenant_access_token: "t-the-token-44" },
  { code: 0, msg: "success", data: { user: { name: "张三", open_id: "ou_1" }, has_more: false } },
  { code: 10012, msg: `invalid ${sent}` },
  {
    code: 99991663,
    msg: `invalid ${sent}`,
    error: { log_id: sent, troubleshooter: `https://open.feishu.cn/?token=${sent}` }
  },
  {
    code: 99991672,
    msg: "Access denied",
    error: {
      permission_violations: [{ type: "action_scope_required", subject: `contact:${sent}` }],
      helps: [{ url: `https://open.feishu.cn/${sent}`, description: sent }]
    }
  }
]

interface Answer {
  /** The bytes on the wire. */
  readonly wire: Uint8Array
  /** `undefined` if the wire is changed, so that nobody can say what the platform said. */
  readonly isSuccess: boolean | undefined
  /** Closes the connection at once, before the bytes, or leaves it open. */
  readonly end: "close" | "reset" | "open"
}

/** Node's `fetch` removes two byte order marks, and other readers one. */
const codeOf = (body: string): unknown => {
  try {
    const json = JSON.parse(body.replace(/^\ufeff{1,2}/, "")) as unknown
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>)["code"] : undefined
  } catch {
    return undefined
  }
}

const headerValues = [
  "0",
  "-1",
  "1e9",
  "99999999999999999999",
  "Wed, 21 Oct 2099 07:28:00 GMT",
  "gzip",
  "chunked",
  "text/html",
  "application/json",
  "application/octet-stream",
  "attachment; filename=\"../../x\"",
  "张三"
] as const

const headerNames = [
  "retry-after",
  "x-ogw-ratelimit-reset",
  "content-encoding",
  "transfer-encoding",
  "content-type",
  "content-length",
  "content-disposition",
  "location",
  "set-cookie",
  "x-tt-logid"
] as const

const make = (sent: string, dice: Dice.Dice): Answer => {
  const where = dice.pick(["nowhere", "body", "body", "status", "headers", "wire", "wire", "cut"])
  let body = JSON.stringify(dice.pick(bodiesOf(sent)))
  if (where === "body") body = Mutations.several(body, Mutations.json, dice)
  const status = where === "status"
    ? dice.pick([100, 101, 199, 204, 206, 301, 302, 304, 400, 401, 404, 429, 500, 502, 999])
    : 200
  const bytes = Buffer.from(body)
  const lines = [
    `HTTP/1.1 ${status} OK`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${bytes.length}`,
    "connection: close"
  ]
  if (where === "headers") lines.push(`${dice.pick(headerNames)}: ${dice.pick(headerValues)}`)
  let wire: Uint8Array = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), bytes])
  if (where === "wire") wire = Mutations.several(wire, Mutations.bytes, dice)
  if (where === "cut") wire = wire.subarray(0, dice.below(wire.length))
  const isKnown = where === "nowhere" || where === "body"
  return {
    wire,
    isSuccess: isKnown ? codeOf(body) === 0 : undefined,
    end: where === "cut" ? dice.chance(0.05) ? "open" : dice.pick(["close", "reset"]) : "close"
  }
}

// The platform

/** Listens until the scope ends. Answers each connection with what `next` holds then. */
const platform = Effect.gen(function*() {
  const next: { answer: Answer | undefined } = { answer: undefined }
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
        socket.on("error", () => {})
        socket.once("data", () => {
          const { answer } = next
          if (answer === undefined || answer.end === "reset") socket.resetAndDestroy()
          else if (answer.end === "close") socket.end(answer.wire)
          else socket.write(answer.wire)
        })
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
  const { port } = server.server.address() as Net.AddressInfo
  return { baseUrl: `http://127.0.0.1:${port}`, next }
})

// The calls

const User = Schema.Struct({ user: Schema.Struct({ name: Schema.String }) })

const ticket = Layer.succeed(AppTicket.AppTicket, {
  get: Effect.map(DateTime.now, (sentAt) => ({ value: Redacted.make(secrets.ticket), sentAt })),
  refresh: Effect.map(DateTime.now, (sentAt) => ({ value: Redacted.make(secrets.ticket), sentAt })),
  invalidate: () => Effect.void,
  changes: Stream.empty
})

const names = ["AppTicket.resend", "AccessToken.tenant", "FeishuClient.get"] as const

type Name = typeof names[number]

const calls: Readonly<
  Record<
    Name,
    Effect.Effect<
      unknown,
      unknown,
      AppTicket.AppTicket | FeishuApp.FeishuApp | HttpClient.HttpClient | TokenStore.TokenStore | Scope.Scope
    >
  >
> = {
  "AppTicket.resend": AppTicket.resend,
  "AccessToken.tenant": Effect.flatMap(AccessToken.make(), ({ tenant }) => Effect.asVoid(tenant("tenant_1"))),
  "FeishuClient.get": Effect.flatMap(
    FeishuClient.forUser(Redacted.make(secrets.token)),
    (client) => Effect.flatMap(client.get("/open-apis/contact/v3/users/me"), FeishuClient.schemaData(User))
  )
}

/** What the first request of each call has in it. */
const sentBy: Readonly<Record<Name, keyof typeof secrets>> = {
  "AppTicket.resend": "appSecret",
  "AccessToken.tenant": "ticket",
  "FeishuClient.get": "token"
}

/** The errors that the calls declare. */
const declared = new Set(["FeishuNetworkError", "FeishuApiError", "TicketTimeout", "TicketStoreError"])

const problemOf = (exit: Exit.Exit<unknown, unknown>, { isSuccess }: Answer): string | undefined => {
  if (Exit.isSuccess(exit)) return isSuccess === false ? "the call succeeded, and the platform refused" : undefined
  const shown = Outcome.textOf(exit)
  const secret = Object.entries(secrets).find(([, value]) => shown.includes(value))
  if (secret !== undefined) return `the error shows the ${secret[0]}`
  if (!Cause.isFailType(exit.cause)) return `no declared error: ${Cause.pretty(exit.cause)}`
  const { _tag } = exit.cause.error as { readonly _tag: string }
  return declared.has(_tag) ? undefined : `an error that the call does not declare: ${_tag}`
}

/** Examines the answer of a seed, until the scope ends. */
export const examine: Effect.Effect<Examine, never, Scope.Scope> = Effect.gen(function*() {
  const { baseUrl, next } = yield* platform
  const context = yield* Layer.build(Layer.mergeAll(
    FeishuApp.layer({ appId: "cli_fuzz", appSecret: Redacted.make(secrets.appSecret), baseUrl }),
    Layer.succeed(
      RetryPolicy.RetryPolicy,
      RetryPolicy.make({ retries: 0, attemptTimeout: "300 millis", totalTimeout: "300 millis" })
    ),
    ticket
  )).pipe(Effect.orDie)
  const clients = {
    layerFetch: yield* Layer.build(FeishuClient.layerFetch),
    layerUndici: yield* Layer.build(NodeHttpClient.layerUndici)
  }
  return (seed) =>
    Effect.gen(function*() {
      const dice = Dice.make(seed)
      const name = dice.pick(names)
      const client = dice.chance(0.5) ? "layerFetch" : "layerUndici"
      const answer = make(secrets[sentBy[name]], dice)
      yield* Effect.sync(() => void (next.answer = answer))
      const call = calls[name].pipe(
        Effect.scoped,
        Effect.provide(TokenStore.layerMemory),
        Effect.provide(clients[client]),
        Effect.provide(context)
      )
      const exit = yield* Effect.exit(
        Effect.timeoutFail(call, { duration: longest, onTimeout: () => ({ _tag: "hangs" }) })
      )
      return {
        happened: [Outcome.of(exit)],
        problem: problemOf(exit, answer),
        input: `${name} on ${client}: ${JSON.stringify(Buffer.from(answer.wire.subarray(0, 2000)).toString("latin1"))}`
      }
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
})
