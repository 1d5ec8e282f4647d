/** Builds the services of an app when they are first used, runs effects with them, and closes them. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as EventWebHandler from "../../EventWebHandler.js"
import type { Abortable } from "../../PromiseApi.js"
import { isRequestBound } from "../requestBound.js"
import * as Errors from "./errors.js"
import type { CallServices, Services } from "./layer.js"

/** Waits for a promise, unless the signal aborts before. */
const orAborted = <A>(promise: Promise<A>, signal: AbortSignal | undefined): Promise<A> =>
  signal === undefined ? promise : new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener("abort", abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  })

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
export const make = (layer: () => Layer.Layer<Services, unknown>) => {
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

export type AppServices = ReturnType<typeof make>
