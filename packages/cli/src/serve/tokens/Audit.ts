/** Logs each token and ticket that the service reveals: to which service, and never the value. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Caller from "./Caller.js"

export interface Reveal {
  readonly kind: "tenant access token" | "app access token" | "app ticket"
  readonly appId: string
  /** The tenant that was asked for. */
  readonly tenantKey: string | undefined
  readonly caller: Caller.Service
}

export interface Audit {
  /** Takes a reveal down. The line is written within 100 ms. */
  readonly add: (reveal: Reveal) => void
}

const lineOf = ({ appId, caller, kind, tenantKey }: Reveal): string =>
  `revealed the ${kind}${tenantKey === undefined ? "" : ` of ${tenantKey}`} (app ${appId}) to ${
    caller.key === undefined ? "" : `${caller.key} at `
  }${caller.address}`

/** Writes many lines at once, because a fiber for each line would take more time than the answer. Writes the rest when the scope ends. */
export const make: Effect.Effect<Audit, never, Scope.Scope> = Effect.gen(function*() {
  let reveals: Array<Reveal> = []
  const write = Effect.suspend(() => {
    const taken = reveals
    reveals = []
    return Effect.forEach(taken, (reveal) => Effect.logInfo(lineOf(reveal)), { discard: true })
    // Also with a higher `--log-level`, because the lines say who has which secret.
  }).pipe(Logger.withMinimumLogLevel(LogLevel.Info), Effect.uninterruptible)
  yield* Effect.addFinalizer(() => write)
  yield* Effect.forkScoped(Effect.repeat(write, Schedule.spaced("100 millis")))
  return { add: (reveal) => void reveals.push(reveal) }
})
