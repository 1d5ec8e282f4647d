/** An app for programs without Effect. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { constVoid } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as AccessToken from "../../AccessToken.js"
import * as AppTicket from "../../AppTicket.js"
import type { BackgroundTasks } from "../../BackgroundTasks.js"
import type { EventHandler } from "../../EventHandler.js"
import * as EventNodeListener from "../../EventNodeListener.js"
import * as EventSubscription from "../../EventSubscription.js"
import * as EventWebHandler from "../../EventWebHandler.js"
import * as FeishuApp from "../../FeishuApp.js"
import * as FeishuClient from "../../FeishuClient.js"
import { FeishuNetworkError } from "../../FeishuError.js"
import type { Abortable, Feishu, MoreOptions, Options, WebContext, Webhook } from "../../PromiseApi.js"
import * as RetryPolicy from "../../RetryPolicy.js"
import { isRequestBound } from "../requestBound.js"
import { refused } from "../webhook/refused.js"
import * as Uninterruptible from "../webhook/uninterruptible.js"
import * as Calls from "./calls.js"
import * as Errors from "./errors.js"
import * as Handlers from "./handlers.js"
import * as Log from "./log.js"
import * as CheckOptions from "./options.js"
import * as Stores from "./stores.js"

type CallServices = AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient

type Services = EventSubscription.EventSubscription | CallServices

const isProvable = ({ encryptKey, verificationToken }: FeishuApp.Service): boolean =>
  Option.isSome(encryptKey) || Option.isSome(verificationToken)

/** Takes the place of a subscription in a program that only makes calls. No delivery arrives, because there is no `webhook`. */
const noSubscription = (() => {
  const refuse = () => refused("Unsigned", "the app has neither an encrypt key nor a verification token")
  return Layer.sync(EventSubscription.EventSubscription, () => ({ prove: refuse, receive: refuse }))
})()

const subscriptionOf = (
  app: FeishuApp.Service,
  options: MoreOptions,
  handlers: ReadonlyArray<EventHandler<BackgroundTasks>>
) =>
  isProvable(app)
    ? EventSubscription.layer({
      handlers,
      handlerTimeout: options.handlerTimeout,
      backgroundTasks: options.background
    })
    : noSubscription

/** Only a store app has tickets. */
const tokensOf = ({ kind }: FeishuApp.Service, { ticketTimeout }: MoreOptions) =>
  kind === "self-built"
    ? AccessToken.layerSelfBuilt()
    : Layer.provideMerge(AccessToken.layer(), AppTicket.layer({ waitFor: ticketTimeout }))

const clientOf = (fetch: MoreOptions["fetch"]) =>
  fetch === undefined
    ? FeishuClient.layerFetch
    : Layer.provide(FeishuClient.layerFetch, Layer.succeed(FetchHttpClient.Fetch, fetch as typeof globalThis.fetch))

/** The subscription closes first, because handlers that end make calls. */
const layerOf = (
  app: FeishuApp.Service,
  options: MoreOptions,
  handlers: ReadonlyArray<EventHandler<BackgroundTasks>>
): Layer.Layer<Services, unknown> =>
  subscriptionOf(app, options, handlers).pipe(
    Layer.provideMerge(tokensOf(app, options)),
    Layer.provideMerge(Stores.layer(options)),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.succeed(FeishuApp.FeishuApp, app),
        clientOf(options.fetch),
        Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.make(options.retry))
      )
    ),
    Layer.provideMerge(Log.layer(options.logger))
  )

/** Waits for a promise, unless the signal aborts before. */
const orAborted = <A>(promise: Promise<A>, signal: AbortSignal | undefined): Promise<A> =>
  signal === undefined ? promise : new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener("abort", abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  })

/** Waits for a ticket, or for the token of a self-built app. */
const readyWithin = ({ appId, baseUrl }: FeishuApp.Service, timeout: number | undefined) => {
  const ready = Effect.flatMap(
    Effect.serviceOption(AppTicket.AppTicket),
    Option.match({
      onNone: () => Effect.flatMap(AccessToken.AccessToken, ({ app }) => Effect.asVoid(app)),
      onSome: ({ get }) => Effect.asVoid(get)
    })
  )
  if (timeout === undefined) return ready
  const waited = Duration.millis(timeout)
  const tooLate = Effect.map(Effect.serviceOption(AppTicket.AppTicket), (tickets) =>
    Option.isSome(tickets)
      ? new AppTicket.TicketTimeout({ appId, waited })
      : new FeishuNetworkError({
        reason: "Timeout",
        method: "POST",
        url: `${baseUrl}/open-apis/auth/v3/app_access_token/internal`,
        description: `no token within ${Duration.format(waited)}`
      }))
  return Effect.timeoutTo(ready, {
    duration: waited,
    onSuccess: () => Effect.void,
    onTimeout: () => Effect.flatMap(tooLate, Effect.fail)
  }).pipe(Effect.flatten)
}

/** The calls under way. */
const makeRunning = () => {
  const fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  return {
    add: <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.withFiberRuntime((fiber) => {
        // On Workers, a fiber that ends with its request never says so.
        if (isRequestBound()) return call
        fibers.add(fiber)
        return Effect.ensuring(call, Effect.sync(() => fibers.delete(fiber)))
      }),
    interrupt: (): void => {
      for (const fiber of fibers) fiber.unsafeInterruptAsFork(FiberId.none)
    }
  }
}

/** Builds the services for the first use, and again for the next if they could not be built. */
const makeServices = (layer: () => Layer.Layer<Services, unknown>) => {
  let handler: EventWebHandler.WebHandler<CallServices> | undefined
  /** Serves handlers and background work while the app closes. */
  let built: Runtime.Runtime<Services> | undefined
  let closing: Promise<void> | undefined
  let isClosed = false
  const running = makeRunning()

  const runtime = async (): Promise<Runtime.Runtime<Services>> => {
    if (isClosed || (closing !== undefined && built === undefined)) throw Errors.closed()
    try {
      handler ??= EventWebHandler.make(layer())
      built ??= await handler.runtime()
      return built
    } catch (error) {
      throw closing === undefined ? Errors.withoutFiber(error) : Errors.closed()
    }
  }

  return {
    runtime,
    isClosing: () => closing !== undefined,
    run: async <A>(effect: Effect.Effect<A, unknown, Services>, { signal }: Abortable = {}): Promise<A> => {
      signal?.throwIfAborted()
      const built = await orAborted(runtime(), signal)
      if (isClosed) throw Errors.closed()
      const options = signal === undefined ? {} : { signal }
      return Errors.valueOf(await Runtime.runPromiseExit(built)(running.add(effect), options), signal)
    },
    close: (): Promise<void> =>
      closing ??= (async () => {
        try {
          await handler?.dispose()
        } finally {
          isClosed = true
          running.interrupt()
        }
      })()
  }
}

type AppServices = ReturnType<typeof makeServices>

/** Keeps a serverless runtime from stopping while the services are built. */
const keepAlive = (context: WebContext | undefined, promise: Promise<unknown>): void => {
  try {
    context?.waitUntil?.(promise.catch(constVoid))
  } catch {
    // The handler of the delivery logs a `waitUntil` that throws.
  }
}

const makeWebhook = ({ isClosing, runtime }: AppServices, logger: MoreOptions["logger"]): Webhook => {
  const logRefusal = (message: string, error: unknown): Promise<void> =>
    Effect.runPromise(Effect.provide(Effect.logError(message, Cause.fail(error)), Log.layer(logger)))

  /** Returns the runtime, or `undefined` if there is none: the platform then pushes again. */
  const runtimeOrLog = async (): Promise<Runtime.Runtime<Services> | undefined> => {
    if (isClosing()) return undefined
    try {
      return await runtime()
    } catch (error) {
      await logRefusal("a delivery was refused, because the app could not be started", error)
      return undefined
    }
  }

  const listeners = new WeakMap<Runtime.Runtime<Services>, EventNodeListener.Listener>()
  const listenerOf = (runtime: Runtime.Runtime<Services>): EventNodeListener.Listener => {
    const known = listeners.get(runtime)
    if (known !== undefined) return known
    const listener = Runtime.runSync(runtime)(EventNodeListener.make)
    listeners.set(runtime, listener)
    return listener
  }

  return {
    node: async (request: IncomingMessage, response: ServerResponse) => {
      const runtime = await runtimeOrLog()
      if (runtime !== undefined) await listenerOf(runtime)(request, response)
      else if (!response.headersSent) response.writeHead(503, { "content-length": 0 }).end()
    },
    web: async (request: Request, context?: WebContext) => {
      const building = runtimeOrLog()
      keepAlive(context, building)
      const runtime = await building
      if (runtime === undefined) return new Response(null, { status: 503 })
      const answer = EventWebHandler.handle(request, context)
      try {
        return await Runtime.runPromise(Uninterruptible.runtime(runtime))(answer)
      } catch (error) {
        await logRefusal("a delivery was refused, because of an error of this library", Errors.withoutFiber(error))
        return new Response(null, { status: 503 })
      }
    }
  }
}

/** A program without types may give anything. */
const checkKey = (tenantKey: unknown): void => {
  if (typeof tenantKey === "string" && tenantKey !== "") return
  throw new Errors.FeishuUsageError({
    reason: "NoTenant",
    message: "the key of the tenant is missing, empty or no string"
  })
}

const tokenText = ({ value }: AccessToken.Token): string => Redacted.value(value)

const makeApp = (app: FeishuApp.Service, options: MoreOptions): Feishu => {
  CheckOptions.check(options)
  const services = makeServices(() => layerOf(app, options, handlers.close()))
  const { run } = services

  const runFor = async <A>(tenantKey: string, effect: Effect.Effect<A, unknown, Services>, abortable?: Abortable) => {
    checkKey(tenantKey)
    return run(effect, abortable)
  }
  const calls: Pick<Feishu, "fetch" | "request" | "tenantToken"> = {
    tenantToken: (tenantKey, abortable) =>
      runFor(
        tenantKey,
        Effect.flatMap(AccessToken.AccessToken, ({ tenant }) => Effect.map(tenant(tenantKey), tokenText)),
        abortable
      ),
    // The caller says what the type of `data` is.
    request: <Data>(tenantKey: string, call: Parameters<Feishu["request"]>[1]) =>
      runFor(tenantKey, Calls.request(tenantKey, call), call) as Promise<Data>,
    fetch: (tenantKey, path, init = {}) => runFor(tenantKey, Calls.fetch(tenantKey, path, init), init)
  }
  const handlers = Handlers.make(calls, options.handlerTimeout ?? 2500)
  const webhook = makeWebhook(services, options.logger)
  const checkProvable = () => {
    if (!isProvable(app)) throw CheckOptions.unprovable()
  }

  const feishu: Feishu = {
    appId: app.appId,
    baseUrl: app.baseUrl,
    on: (type, handle) => {
      checkProvable()
      handlers.on(type, handle as Parameters<typeof handlers.on>[1])
    },
    callback: (type, handle) => {
      checkProvable()
      handlers.callback(type, handle as Parameters<typeof handlers.callback>[1])
    },
    get webhook() {
      checkProvable()
      return webhook
    },
    ready: async ({ timeout, ...abortable } = {}) => {
      CheckOptions.checkTimeout(timeout)
      return run(readyWithin(app, timeout), abortable)
    },
    ...calls,
    appToken: (abortable) =>
      run(Effect.flatMap(AccessToken.AccessToken, ({ app }) => Effect.map(app, tokenText)), abortable),
    invalidateToken: (tenantKey, token) =>
      run(Effect.gen(function*() {
        const { invalidate } = yield* AccessToken.AccessToken
        return yield* invalidate({
          value: Redacted.make(token),
          expiresAt: yield* DateTime.now,
          tenantKey: app.kind === "store" ? Option.some(tenantKey) : Option.none()
        })
      })),
    close: services.close
  }
  // The getter may throw, and `JSON.stringify` must not.
  return Object.freeze(Object.defineProperty(feishu, "webhook", { enumerable: false }))
}

/** Documented in `promise`. */
export const make = (options: Options): Feishu => makeApp(CheckOptions.appOf(options), options)

/** Documented in `promise`. */
export const fromEnvironment = (options: MoreOptions = {}): Feishu => makeApp(CheckOptions.appOfEnvironment(), options)
