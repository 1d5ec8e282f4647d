/** Lets one process fetch a value for all processes that share the claims. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Option from "effect/Option"
import type { Claim, Service as Claims } from "../../Claims.js"
import { monotonicMillis } from "../monotonicMillis.js"
import { isRequestBound } from "../requestBound.js"
import { timeLimit } from "../timeLimit.js"

/** The process that fetches holds the claim for `leaseFor`, and renews the claim while the fetch takes longer. */
const ofProcess = { leaseFor: Duration.seconds(10), renewEvery: Duration.seconds(3) }

/** Shorter, because a request ends when its client disconnects, which happens more often than the end of a process. */
const ofRequest = { leaseFor: Duration.seconds(2), renewEvery: Duration.millis(500) }

/** The first and the longest pause between two looks for the value that another process fetches. Each is twice the last. */
const firstPause = Duration.toMillis("50 millis")
const longestPause = Duration.toMillis("1 second")

/** The longest wait for another process: by default a call with all its retries takes 30 s. */
const longestWait = Duration.toMillis("40 seconds")

/** The longest wait for the answer of the claims, which must not keep a scope from closing. */
const longestClaim = Duration.seconds(5)

export interface Lease {
  /**
   * Runs `fetch` in one process at a time. In the others, waits up to 40 s for what `look` returns, and runs `fetch` after
   * that. Runs `fetch` at once if the claims fail. On Workers, each request counts as a process.
   */
  readonly once: <A, E, R>(name: string, options: {
    /** Returns the value that another process has fetched and stored, if there is one. */
    readonly look: Effect.Effect<Option.Option<A>>
    /** Fetches and stores the value. */
    readonly fetch: Effect.Effect<A, E, R>
  }) => Effect.Effect<A, E, R>
}

export const make = ({ appId, claims }: { readonly appId: string; readonly claims: Claims }): Lease => {
  const { leaseFor, renewEvery } = isRequestBound() ? ofRequest : ofProcess
  const keep = (claim: Claim) => Effect.forever(Effect.delay(Effect.ignore(claims.renew(claim, leaseFor)), renewEvery))

  return {
    once: (name, { fetch, look }) =>
      // Uninterruptible while a name is claimed, so that an interruption leaves no claim behind.
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const deadline = (yield* monotonicMillis) + longestWait
          for (let pause = firstPause;; pause = Math.min(pause * 2, longestPause)) {
            const answer = yield* Effect.option(
              timeLimit(claims.claim(appId, name, leaseFor), { duration: longestClaim, onTimeout: constVoid })
            )
            if (Option.isNone(answer)) return yield* restore(fetch)
            if (answer.value._tag === "Claimed") {
              const { claim } = answer.value
              // Another process may have stored a value between the last look and the claim.
              return yield* Effect.flatMap(
                look,
                (found) => Option.isSome(found) ? Effect.succeed(found.value) : Effect.raceFirst(fetch, keep(claim))
              ).pipe(
                restore,
                Effect.ensuring(Effect.ignore(claims.release(claim)))
              )
            }
            if ((yield* monotonicMillis) > deadline) return yield* restore(fetch)
            yield* restore(Effect.sleep(Duration.min(answer.value.left, Duration.millis(pause))))
            const found = yield* restore(look)
            if (Option.isSome(found)) return found.value
          }
        })
      )
  }
}
