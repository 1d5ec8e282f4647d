/** The request URL of an app, for Node and for web requests. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Runtime from "effect/Runtime"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as EventNodeListener from "../../EventNodeListener.js"
import * as EventWebHandler from "../../EventWebHandler.js"
import type { MoreOptions, WebContext, Webhook } from "../../PromiseApi.js"
import * as Uninterruptible from "../webhook/uninterruptible.js"
import * as Errors from "./errors.js"
import type { Services } from "./layer.js"
import * as Log from "./log.js"
import type { AppServices } from "./services.js"

/** Keeps a serverless runtime from stopping while the services are built. */
const keepAlive = (context: WebContext | undefined, promise: Promise<unknown>): void => {
  try {
    context?.waitUntil?.(promise.catch(constVoid))
  } catch {
    // The handler of the delivery logs a `waitUntil` that throws.
  }
}

export const make = ({ isClosing, runtime }: AppServices, logger: MoreOptions["logger"]): Webhook => {
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
