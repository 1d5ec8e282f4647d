/** Builds a runtime once for all requests. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import * as Claims from "../../Claims.js"
import { isRequestBound, lookUntil } from "../requestBound.js"
import { timeLimit } from "../timeLimit.js"
import * as Lease from "../token/lease.js"

const tooLong = (longestBuild: Duration.DurationInput) =>
  new Error(
    `the layer was not built within ${
      Duration.format(longestBuild)
    }. A ManagedRuntime is never built if the request that began `
      + "to build it has ended before: keep that request alive with waitUntil(handler.runtime()), or give EventWebHandler.make "
      + "the layer, which is built again then"
  )

/**
 * Returns a function that returns the runtime.
 *
 * On Workers, one request calls `build`, and the others look for the result. If that request ends before, because its client
 * disconnects, another request calls `build`. No request waits for its own `build` for more than `longestBuild`.
 */
export const make = <R>(
  build: () => Promise<Runtime.Runtime<R>>,
  longestBuild: Duration.DurationInput = "10 seconds"
): () => Promise<Runtime.Runtime<R>> => {
  if (!isRequestBound()) return build
  const lease = Lease.make({ appId: "", claims: Effect.runSync(Claims.makeMemory()) })
  let built: Runtime.Runtime<R> | undefined

  const buildNow = Effect.suspend(() => {
    let exit: Exit.Exit<Runtime.Runtime<R>, unknown> | undefined
    const settle = (settled: Exit.Exit<Runtime.Runtime<R>, unknown>) => {
      exit = settled
      if (Exit.isSuccess(settled)) built = settled.value
    }
    build().then((runtime) => settle(Exit.succeed(runtime)), (error: unknown) => settle(Exit.fail(error)))
    return Effect.andThen(
      // Another request may have begun to build the runtime, and would go on with this request's fiber.
      lookUntil(Effect.sync(() => exit !== undefined)),
      Effect.suspend(() => exit ?? Effect.never)
    )
  })

  const once = lease.once("runtime", {
    look: Effect.sync(() => Option.fromNullable(built)),
    fetch: timeLimit(buildNow, { duration: Duration.decode(longestBuild), onTimeout: () => tooLong(longestBuild) })
  })
  return async () => {
    if (built !== undefined) return built
    const exit = await Effect.runPromiseExit(once)
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.squash(exit.cause)
  }
}
