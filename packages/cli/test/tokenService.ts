/** The token service over real sockets, with the emulator as the platform. */
import {
  AccessToken,
  AppTicket,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { Emulator, EmulatorTest, type Journal } from "@effect-feishu/emulator"
import { assert } from "@effect/vitest"
import { Array as Arr, Effect, Layer, Logger, Option, Redacted, Schedule } from "effect"
import * as Http from "node:http"
import * as Health from "../src/serve/Health.js"
import * as Listen from "../src/serve/Listen.js"
import type { ServedApp, ServedApps } from "../src/serve/ServedApp.js"
import * as Audit from "../src/serve/tokens/Audit.js"
import * as Door from "../src/serve/tokens/Door.js"
import * as Keys from "../src/serve/tokens/Keys.js"
import * as Tokens from "../src/serve/tokens/Tokens.js"
import * as WatchedTokens from "../src/serve/WatchedTokens.js"

export const secrets = {
  appSecret: "the-secret-of-an-app-0123456789",
  encryptKey: "the-encrypt-key-of-an-app-0123456789",
  verificationToken: "the-verification-token-0123456789"
}

export const keys = { billing: "billing-key-0123456789abcdef", reports: "reports-key-0123456789abcdef" }

export const bothKeys = Keys.parse(Redacted.make(`billing=${keys.billing}\nreports=${keys.reports}`), "the test")

/** An app of the emulator. */
export const app = (appId: string, more?: Partial<Emulator.Options["apps"][number]>) => ({
  appId,
  appSecret: Redacted.make(secrets.appSecret),
  encryptKey: Redacted.make(secrets.encryptKey),
  verificationToken: Redacted.make(secrets.verificationToken),
  ...more
})

export interface ServedOptions {
  readonly ticket?: AppTicket.Options
  /** `false`: the platform pushes to nobody. Default: `true`. */
  readonly receives?: boolean
  readonly baseUrl?: string
  /** Default: a store in memory. */
  readonly tokens?: TokenStore.Service
}

/** An app of the emulator as `feishu-ticket serve` has the app. */
export const served = (appId: string, { baseUrl, receives = true, ticket, tokens: store }: ServedOptions = {}) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const layer = Layer.merge(
      FeishuApp.layer({
        appId,
        appSecret: Redacted.make(secrets.appSecret),
        encryptKey: Redacted.make(secrets.encryptKey),
        verificationToken: Redacted.make(secrets.verificationToken),
        baseUrl: baseUrl ?? emulator.baseUrl
      }),
      Layer.mergeAll(
        TicketStore.layerMemory,
        store === undefined ? TokenStore.layerMemory : Layer.succeed(TokenStore.TokenStore, store),
        FeishuClient.layerFetch
      )
    )
    const context = yield* Layer.build(layer)
    return yield* Effect.gen(function*() {
      const tickets = yield* AppTicket.make(ticket)
      const subscription = yield* EventSubscription.make()
      if (receives) {
        yield* emulator.updateApp(appId, (app) => ({ ...app, requestUrl: EmulatorTest.requestUrl(subscription) }))
      }
      const watched = WatchedTokens.watch(yield* TokenStore.TokenStore)
      const tokens = yield* AccessToken.make().pipe(
        Effect.provideService(AppTicket.AppTicket, tickets),
        Effect.provideService(TokenStore.TokenStore, watched)
      )
      const served: ServedApp = {
        app: yield* FeishuApp.FeishuApp,
        subscription,
        tickets,
        store: yield* TicketStore.TicketStore,
        tokens,
        invalidate: (token) => WatchedTokens.removing(tokens.invalidate(token))
      }
      return served
    }).pipe(Effect.provide(context))
  })

/** A self-built app of the emulator, likewise. */
export const servedSelfBuilt = (appId: string) =>
  Effect.gen(function*() {
    const { baseUrl } = yield* Emulator.Emulator
    const context = yield* Layer.build(Layer.mergeAll(
      FeishuApp.layer({ kind: "self-built", appId, appSecret: Redacted.make(secrets.appSecret), baseUrl }),
      TicketStore.layerMemory,
      TokenStore.layerMemory,
      FeishuClient.layerFetch
    ))
    return yield* Effect.gen(function*() {
      const tokens = yield* AccessToken.makeSelfBuilt()
      const served: ServedApp = {
        app: yield* FeishuApp.FeishuApp,
        subscription: { receive: () => Effect.never, prove: () => Effect.never } as EventSubscription.Service,
        tickets: undefined,
        store: yield* TicketStore.TicketStore,
        tokens,
        invalidate: tokens.invalidate
      }
      return served
    }).pipe(Effect.provide(context))
  })

export const appsOf = (...apps: ReadonlyArray<ServedApp>): ServedApps =>
  new Map(apps.map((served) => [served.app.appId, served]))

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  /** `undefined` if there is no body. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests assert what is in the JSON
  readonly json: any
}

export interface Asked {
  readonly method?: string
  /** `null`: none. Default: the key of billing. */
  readonly key?: string | null
  readonly headers?: Http.OutgoingHttpHeaders
  readonly body?: unknown
  /** `true`: the request does not say how long the body is. */
  readonly isChunked?: boolean
  readonly agent?: Http.Agent
}

type Place = { readonly socketPath: string } | { readonly port: number; readonly host: string }

/** Sends a request over a connection of its own, unless there is an agent. */
export const ask = (place: Place, path: string, asked: Asked = {}): Effect.Effect<Answer, Error> =>
  Effect.async((resume) => {
    const { agent = false, body, headers, isChunked = false, key = keys.billing, method = "GET" } = asked
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body)
    const request = Http.request({
      ...place,
      path,
      method,
      agent,
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(text !== undefined && { "content-type": "application/json" }),
        ...(isChunked && { "transfer-encoding": "chunked" }),
        ...(text !== undefined && !isChunked && { "content-length": Buffer.byteLength(text) }),
        ...headers
      }
    }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", (error) => resume(Effect.fail(error)))
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString()
        const json: unknown = text === "" ? undefined : JSON.parse(text)
        resume(Effect.succeed({ status: response.statusCode ?? NaN, headers: response.headers, text, json }))
      })
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    request.end(text)
    return Effect.sync(() => request.destroy())
  })

export const placeOf = (address: Listen.Address): Place =>
  address._tag === "Unix" ? { socketPath: address.path } : { host: address.host ?? "127.0.0.1", port: address.port }

const anyPort = { _tag: "Tcp", host: "127.0.0.1", port: 0 } as const

/** A server on any free port. */
export const onAnyPort: Listen.Options = {
  address: anyPort,
  named: { port: "--tokens-port", host: "--tokens-host" },
  longestDraining: "10 seconds"
}

/** Listens on any free port. Default: with both keys. */
export const listen = (
  apps: ServedApps,
  options: { readonly keys?: Keys.Keys; readonly address?: Listen.Address } = {}
) =>
  Effect.gen(function*() {
    const { address = anyPort, keys = yield* bothKeys } = options
    const { look: health } = yield* Health.make(apps)
    const listening = yield* Tokens.listen({ apps, health, keys, address })
    const place = placeOf(listening.address)
    return { ...listening, place, ask: (path: string, asked?: Asked) => ask(place, path, asked) }
  })

/** Listens twice for the same apps: with the answers from memory, and without. */
export const listenBothWays = (apps: ServedApps) =>
  Effect.gen(function*() {
    const { look: health } = yield* Health.make(apps)
    const parts = { apps, audit: yield* Audit.make, health, keys: yield* bothKeys }
    const listen = (fromMemory: boolean) =>
      Effect.flatMap(Door.make({ ...parts, fromMemory }), (listener) => Listen.serve(listener, onAnyPort))
    const [fast, slow] = yield* Effect.all([listen(true), listen(false)])
    return {
      fast: (path: string, asked?: Asked) => ask(placeOf(fast), path, asked),
      slow: (path: string, asked?: Asked) => ask(placeOf(slow), path, asked)
    }
  })

/** Collects the lines of the log. */
export const collectLog = () => {
  const lines: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ cause, logLevel, message }) =>
      void lines.push(`${logLevel.label} ${Arr.ensure(message).join(" ")} ${JSON.stringify(cause)}`)
    )
  )
  return { lines, layer }
}

/** Keeps the log out of the output of the tests. */
export const quiet = Logger.remove(Logger.defaultLogger)

/** Waits until this is so. */
export const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.sync(isSo).pipe(
    Effect.repeat({ until: (isSo) => isSo, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("20 seconds"),
    Effect.orDie
  )

/** A store of tokens in memory, which a test makes read-only. `values` are the tokens that have been put and are still there. */
export const readOnlyStore = Effect.map(TokenStore.makeMemory(), (memory) => {
  const keys = new Set<TokenStore.Key>()
  let isReadOnly = false
  const unlessReadOnly = (
    { appId }: TokenStore.Key,
    operation: "put" | "drop",
    effect: Effect.Effect<void, TokenStore.TokenStoreError>
  ) =>
    Effect.suspend(() =>
      isReadOnly ? new TokenStore.TokenStoreError({ appId, operation, description: "it is read-only" }) : effect
    )
  const store: TokenStore.Service = {
    ...memory,
    put: (key, token) => {
      keys.add(key)
      return unlessReadOnly(key, "put", memory.put(key, token))
    },
    drop: (key, token) => unlessReadOnly(key, "drop", memory.drop(key, token))
  }
  const values = Effect.map(
    Effect.suspend(() => Effect.forEach(keys, memory.get)),
    (found) => found.flatMap(Option.toArray).map(({ value }) => Redacted.value(value))
  )
  return { store, values, setReadOnly: (value: boolean) => void (isReadOnly = value) }
})

/** The calls in the journal, by the end of their path. */
export const calls = (appId: string, end: string) =>
  Effect.map(
    Effect.flatMap(Emulator.Emulator, ({ journal }) => journal),
    (entries) =>
      entries.filter((entry: Journal.Entry) =>
        entry._tag === "Call" && entry.appId === appId && entry.path.endsWith(end)
      )
        .length
  )

/** Says that a text has no secret of an app, no key, and none of the values. */
export const assertNoSecrets = (text: string, values: ReadonlyArray<string> = []): void => {
  for (const secret of [...Object.values(secrets), ...Object.values(keys), ...values]) assert.notInclude(text, secret)
}

/** All tokens and tickets that the emulator has issued to an app. */
export const issued = (appId: string) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const all = [...yield* emulator.tokens(appId), ...yield* emulator.tickets(appId)]
    return all.map(({ value }) => Redacted.value(value))
  })

/** An app whose tokens and tickets are what the test says. */
export const stub = (appId: string, more: Partial<ServedApp>): ServedApp => ({
  app: {
    kind: "store",
    appId,
    appSecret: Redacted.make(secrets.appSecret),
    baseUrl: "https://open.feishu.cn",
    encryptKey: Option.none(),
    verificationToken: Option.none()
  },
  subscription: { receive: () => Effect.never, prove: () => Effect.never } as EventSubscription.Service,
  tickets: { get: Effect.never, refresh: Effect.never, invalidate: () => Effect.void, changes: Effect.never } as never,
  store: { get: () => Effect.succeedNone } as never,
  tokens: { app: Effect.never, tenant: () => Effect.never, invalidate: () => Effect.void },
  invalidate: () => Effect.void,
  ...more
})
