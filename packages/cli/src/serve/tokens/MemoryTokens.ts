/**
 * Answers requests for a token that is in memory. Leaves every other request to the endpoints of `Handlers`, which give the same
 * answers at about a fifth of the speed (measured beside Effect's `HttpServer`).
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Http from "node:http"
import type * as Caller from "./Caller.js"
import type { Parts } from "./Handlers.js"
import * as Revealing from "./Revealing.js"

/** Returns `false`, and does nothing, if the endpoints must answer. */
export type MemoryTokens = (
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  caller: Caller.Service
) => boolean

/** The usual form of a request for a token. `Handlers` reads any other form. */
const path = /^\/v1\/(?:app|tenants\/([\w.-]{1,128}))\/token(?:\?app_id=([\w.-]{1,128}))?$/

export const make = ({ apps, audit }: Pick<Parts, "apps" | "audit">): Effect.Effect<MemoryTokens> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const run = Runtime.runFork(runtime)
    const clock = Runtime.runSync(runtime)(Effect.clock)

    return (request, response, caller) => {
      const asked = request.method === "GET" ? path.exec(request.url ?? "") : null
      if (asked === null) return false
      const [, tenantKey, appId] = asked
      const served = Either.getOrUndefined(Revealing.findApp(apps, appId))
      if (served === undefined) return false
      const fiber = run(tenantKey === undefined ? served.tokens.app : served.tokens.tenant(tenantKey))
      const exit = fiber.unsafePoll()
      if (exit === null || Exit.isFailure(exit)) {
        // The endpoint waits for the same fetch, which goes on without this fiber.
        run(Fiber.interrupt(fiber))
        return false
      }
      const kind = tenantKey === undefined ? "app access token" : "tenant access token"
      audit.add({ kind, appId: served.app.appId, tenantKey, caller })
      const body = JSON.stringify(Revealing.tokenAnswer(served, exit.value, clock.unsafeCurrentTimeMillis()))
      response.writeHead(200, {
        "cache-control": "no-store",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body)
      })
      response.end(body)
      return true
    }
  })
