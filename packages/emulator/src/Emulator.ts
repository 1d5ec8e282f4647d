/**
 * A stand-in for the Open Platform, on a machine without one: today the resend call of a store app, and what can go
 * wrong with it. It does not push events yet.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Fault from "./Fault.js"
import * as Server from "./Server.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface App {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** Default: `store`. */
  readonly kind?: "store" | "self-built" | undefined
  /** Default: true. */
  readonly enabled?: boolean | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly apps: ReadonlyArray<App>
  /** What goes wrong with the first calls, one after the other. Default: nothing. */
  readonly faults?: ReadonlyArray<Fault.Fault> | undefined
}

/**
 * One exchange with a client, without its secrets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange {
  /** When the request arrived, in milliseconds since 1970. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** The `app_id` of the request, where it had one. */
  readonly appId: string | undefined
  /** What went wrong, or `undefined` for the proper answer. */
  readonly fault: Fault.Fault["_tag"] | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Where the emulator listens, without a slash at its end: the base URL for its clients. */
  readonly baseUrl: string
  /** What goes wrong with the next calls, one after the other, instead of what was still to go wrong. */
  readonly setFaults: (faults: ReadonlyArray<Fault.Fault>) => Effect.Effect<void>
  /** All exchanges so far, in the order of their arrival. */
  readonly journal: Effect.Effect<ReadonlyArray<Exchange>>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Emulator extends Context.Tag("@effect-feishu/emulator/Emulator")<Emulator, Service>() {}

const json = (
  status: number,
  body: { readonly code: number; readonly msg: string },
  headers?: Readonly<Record<string, string>>
): Server.Reply => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: JSON.stringify(body),
  end: "whole"
})

const ResendRequest = Schema.parseJson(Schema.Struct({
  app_id: Schema.NonEmptyString,
  app_secret: Schema.Redacted(Schema.NonEmptyString)
}))

const decodeResendRequest = Schema.decodeOption(ResendRequest)

const resend = (
  apps: ReadonlyMap<string, App>,
  request: Option.Option<typeof ResendRequest.Type>
): Server.Reply => {
  if (Option.isNone(request)) return json(400, { code: 10003, msg: "invalid param" })
  const app = apps.get(request.value.app_id)
  if (app === undefined || Redacted.value(app.appSecret) !== Redacted.value(request.value.app_secret)) {
    return json(400, { code: 10015, msg: "app secret invalid" })
  }
  if (app.enabled === false) return json(400, { code: 10014, msg: "app is disabled" })
  if (app.kind === "self-built") return json(400, { code: 10016, msg: "app is not allowed to resend app_ticket" })
  return json(200, { code: 0, msg: "success" })
}

/** Shaped like the platform's: the time to the second, then random hexadecimal digits. */
const logId = Effect.gen(function*() {
  const time = DateTime.formatIso(yield* DateTime.now).replace(/\D/g, "").slice(0, 14)
  const digits = yield* Effect.replicateEffect(Random.nextIntBetween(0, 16), 20)
  return time + digits.map((digit) => digit.toString(16)).join("").toUpperCase()
})

const make = Effect.fnUntraced(function*(options: Options) {
  const apps = new Map(options.apps.map((app) => [app.appId, app]))
  const faults = yield* Ref.make(options.faults ?? [])
  const journal = yield* Ref.make<ReadonlyArray<Exchange>>([])

  const handle = Effect.fnUntraced(function*(request: Server.Request) {
    const fault = yield* Ref.modify(faults, ([first, ...rest]) => [first, rest])
    const body = decodeResendRequest(request.body)
    const exchange: Exchange = {
      at: yield* Clock.currentTimeMillis,
      method: request.method,
      path: request.path,
      appId: Option.getOrUndefined(body)?.app_id,
      fault: fault?._tag
    }
    yield* Ref.update(journal, (exchanges) => [...exchanges, exchange])

    const proper = request.method === "POST" && request.path === "/open-apis/auth/v3/app_ticket/resend"
      ? resend(apps, body)
      : { status: 404, headers: { "content-type": "text/plain" }, body: "404 page not found", end: "whole" as const }
    const reply = fault === undefined
      ? proper
      : yield* Fault.$match(fault, {
        Drop: () => Effect.succeed<Server.Reply>({ ...proper, end: "never begun" }),
        Cut: () => Effect.succeed<Server.Reply>({ ...proper, end: "cut off" }),
        Delay: ({ duration }) => Effect.delay(Effect.succeed(proper), duration),
        Refuse: ({ code, msg, resetSeconds, status }) =>
          Effect.succeed(json(
            status,
            { code, msg },
            resetSeconds === undefined
              ? {}
              : { "x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": String(resetSeconds) }
          )),
        Answer: (answer) => Effect.succeed<Server.Reply>({ ...answer, end: "whole" })
      })
    return { ...reply, headers: { "x-tt-logid": yield* logId, ...reply.headers } }
  })

  return {
    handle,
    setFaults: (next: ReadonlyArray<Fault.Fault>) => Ref.set(faults, next),
    journal: Ref.get(journal)
  }
})

/**
 * The emulator behind real HTTP on a loopback port, until its scope ends.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (
  options: Options & {
    /** Default: 0, any free port. */
    readonly port?: number | undefined
  }
): Layer.Layer<Emulator, Server.ServerError> =>
  Layer.scoped(
    Emulator,
    Effect.gen(function*() {
      const { handle, ...emulator } = yield* make(options)
      const baseUrl = yield* Server.listen({ port: options.port ?? 0, handle })
      return { ...emulator, baseUrl }
    })
  )
