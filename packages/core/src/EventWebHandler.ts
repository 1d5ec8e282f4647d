/**
 * The request URL as a function from a web `Request` to a `Response`: Hono, Next.js, Workers, Bun, Deno.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { WaitUntil } from "./BackgroundTasks.js"
import * as EventDoor from "./EventDoor.js"
import type { EventRefused } from "./EventRefused.js"
import { EventSubscription } from "./EventSubscription.js"
import { isRequestBound } from "./internal/requestBound.js"
import * as AppLookup from "./internal/webhook/appLookup.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"
import * as SharedRuntime from "./internal/webhook/sharedRuntime.js"
import * as Uninterruptible from "./internal/webhook/uninterruptible.js"

type Body = Effect.Effect<Uint8Array, EventRefused>

/**
 * Counts the bytes, because the header `content-length` of a `Request` may be wrong. Does not cancel the rest of a body that is
 * too long, because that would break the connection before the answer.
 */
const readChunks = async (body: ReadableStream<Uint8Array>): Promise<Body> => {
  const buffer = BodyBuffer.make()
  const reader = body.getReader()
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- chunks arrive one after another
      const { done, value } = await reader.read()
      if (done) return Effect.succeed(buffer.bytes())
      if (!buffer.add(value)) return EventDoor.tooLarge
    }
  } finally {
    reader.releaseLock()
  }
}

/** Reads a body. Never rejects. */
const read = async (request: Request): Promise<Body> => {
  const { body, bodyUsed } = request
  if (bodyUsed || body?.locked === true) return EventDoor.bodyRead
  if (body === null) return Effect.succeed(new Uint8Array(0))
  try {
    return await readChunks(body)
  } catch {
    return EventDoor.incomplete
  }
}

/** The headers that a delivery may have. To read them all takes as long as to check the signature. */
const names = [
  "content-type",
  "content-encoding",
  "content-length",
  "x-lark-request-timestamp",
  "x-lark-request-nonce",
  "x-lark-signature"
] as const

const headersOf = ({ headers }: Request): Record<string, string | undefined> => {
  const all: Record<string, string | undefined> = {}
  for (const name of names) all[name] = headers.get(name) ?? undefined
  return all
}

/** Reads a request that may be read. */
const requestOf = async (request: Request): Promise<EventDoor.Request> => {
  const head = { method: request.method, headers: headersOf(request) }
  return { ...head, body: EventDoor.admit(head) ?? await read(request) }
}

const responseOf = ({ body, headers, status }: EventDoor.Answer): Response =>
  new Response(body === "" ? null : body, { status, headers })

/**
 * @since 0.1.0
 * @category models
 */
export interface RequestContext {
  /**
   * Keeps the runtime from stopping before the promise ends. Called with the background tasks of the request's handler, with
   * the building of the layer, and with the closing of the scope of `findApp`.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
}

/** Passes on a promise. A context that throws must not refuse the delivery. */
const keepAlive = (waitUntil: (promise: Promise<unknown>) => void, promise: Promise<unknown>): void => {
  try {
    waitUntil(promise)
  } catch (error) {
    Effect.runFork(Effect.logError("waitUntil threw", Cause.die(error)))
  }
}

/** Returns the `waitUntil` of a context. Called as a method, because Workers need `this`. */
const waitUntilOf = (context: RequestContext | undefined) =>
  context?.waitUntil === undefined ? undefined : (promise: Promise<unknown>) => context.waitUntil?.(promise)

const withContext = <A, E, R>(self: Effect.Effect<A, E, R>, context: RequestContext | undefined) => {
  const waitUntil = waitUntilOf(context)
  return waitUntil === undefined ? self : Effect.provideService(self, WaitUntil, waitUntil)
}

/**
 * Answers one request. On a serverless runtime, `context` should have the runtime's `waitUntil`: see `WebHandler`.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handle = (request: Request, context?: RequestContext): Effect.Effect<Response, never, EventSubscription> =>
  Effect.flatMap(EventSubscription, (subscription) =>
    Effect.promise(() => requestOf(request)).pipe(
      Effect.flatMap((request) => withContext(EventDoor.answer(subscription, request), context)),
      Effect.map(responseOf)
    ))

/** Closes the scope of `findApp` in the background. */
const closeInBackground = (scope: Scope.CloseableScope): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.forkDaemon(AppLookup.close(scope)),
    (fiber) =>
      Effect.map(WaitUntil, (waitUntil) =>
        keepAlive(waitUntil, new Promise<void>((resolve) => fiber.addObserver(() => resolve()))))
  )

/** Answers one request, and closes the scope of `findApp` afterwards, if there is one. */
const answerApp = <E, R>(findApp: EventDoor.FindApp<E, R>, appId: string, request: EventDoor.Request) =>
  Effect.suspend(() => {
    let scope: Scope.CloseableScope | undefined
    const inScope = (appId: string): ReturnType<EventDoor.FindApp<E, Exclude<R, Scope.Scope>>> => {
      const called = AppLookup.call(findApp, appId)
      return AppLookup.isExit(called) ? called : AppLookup.inScope(called, (made) => {
        scope = made
      })
    }
    return Effect.ensuring(
      EventDoor.answerApp(inScope, appId, request),
      Effect.suspend(() => scope === undefined ? Effect.void : closeInBackground(scope))
    )
  })

/**
 * Answers one request to the request URL of one app of many, whose id is in the path. Answers 404 for an unknown app. On a
 * serverless runtime, `context` should have the runtime's `waitUntil`: see `WebHandler`.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handleApp = <E, R>(
  request: Request,
  appId: string,
  findApp: EventDoor.FindApp<E, R>,
  context?: RequestContext
): Effect.Effect<Response, never, Exclude<R, Scope.Scope>> =>
  Effect.promise(() => requestOf(request)).pipe(
    Effect.flatMap((request) => withContext(answerApp(findApp, appId, request), context)),
    Effect.map(responseOf)
  )

/**
 * @since 0.1.0
 * @category models
 */
export interface WebHandler<in R = never> {
  /**
   * Answers one request. Never rejects. On a serverless runtime, `context` should have the runtime's `waitUntil`: the third
   * argument of `fetch` on Workers, or `{ waitUntil: after }` in Next.js.
   */
  readonly handler: (request: Request, context?: RequestContext) => Promise<Response>
  /**
   * Returns the runtime of the handler, so that other routes have the same stores. On Cloudflare Workers, requests may call this
   * while a layer that takes time is being built, unlike the methods of a `ManagedRuntime`.
   */
  readonly runtime: () => Promise<Runtime.Runtime<EventSubscription | R>>
  /** Closes the layer that `make` has built. Does nothing to a runtime that `make` was given. */
  readonly dispose: () => Promise<void>
}

const causeOf = (error: unknown): Cause.Cause<unknown> =>
  Runtime.isFiberFailure(error) ? error[Runtime.FiberFailureCauseId] : Cause.fail(error)

/** The platform pushes again. */
const unavailable = (error: unknown): Promise<Response> =>
  Effect.runPromise(Effect.as(
    Effect.logError("a delivery to the request URL was refused, because there is no runtime for it", causeOf(error)),
    new Response(null, { status: 503 })
  ))

const fromRuntime = <R>(
  build: () => Promise<Runtime.Runtime<EventSubscription | R>>,
  dispose: WebHandler["dispose"]
): WebHandler<R> => {
  const runtime = SharedRuntime.make(build)
  const answer = async (request: Request, context: RequestContext | undefined): Promise<EventDoor.Answer> => {
    const building = runtime()
    const waitUntil = waitUntilOf(context)
    if (waitUntil !== undefined) keepAlive(waitUntil, building.catch(constVoid))
    const [built, read] = await Promise.all([building, requestOf(request)])
    const subscription = Context.get(built.context, EventSubscription)
    return Runtime.runPromise(Uninterruptible.runtime(built))(
      withContext(EventDoor.answer(subscription, read), context)
    )
  }
  return {
    handler: (request, context) => answer(request, context).then(responseOf, unavailable),
    runtime,
    dispose
  }
}

/** Builds the layer for the first request, and builds the layer again for the next request if it could not be built. */
const fromLayer = <R, E>(layer: Layer.Layer<EventSubscription | R, E>): WebHandler<R> => {
  let current: ManagedRuntime.ManagedRuntime<EventSubscription | R, E> | undefined
  let isDisposed = false
  const runtime = async () => {
    if (isDisposed) throw new Error("the handler was disposed of")
    // On Workers, the request that was building the layer has ended before.
    if (isRequestBound()) current = undefined
    const built = current ??= ManagedRuntime.make(layer)
    try {
      return await built.runtime()
    } catch (error) {
      if (current === built) current = undefined
      await built.dispose()
      throw error
    }
  }
  return fromRuntime(runtime, async () => {
    isDisposed = true
    await current?.dispose()
  })
}

/**
 * Makes a handler of a `ManagedRuntime` that the rest of the program uses, too, so that both have the same stores.
 *
 * Given a layer, builds the layer for the first request, and releases the layer in `dispose`. Do not give a layer if the
 * program makes another runtime of it: each runtime has a `TicketStore.layerMemory` of its own, and a ticket that arrives in
 * one is unknown to the other.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = <R, E>(
  source: ManagedRuntime.ManagedRuntime<EventSubscription | R, E> | Layer.Layer<EventSubscription | R, E>
): WebHandler<R> =>
  "runtime" in source
    ? fromRuntime(async () => source.runtime(), async () => {})
    : fromLayer(source)
