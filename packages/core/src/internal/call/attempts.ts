/** Repeats an attempt under the `RetryPolicy` in force. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { FeishuError } from "../../FeishuError.js"
import { type Policy, RetryPolicy } from "../../RetryPolicy.js"
import { readMonotonicMillis } from "../monotonicMillis.js"

export interface Attempt {
  /** Counts from 1. */
  readonly number: number
  /** The time that the attempt has. The attempt must fail when the time is over. */
  readonly timeout: Duration.Duration
}

export interface Options<F> {
  /** Returns the error for the policy, or `None` if the failure is final. */
  readonly toRepeat: (failure: F) => Option.Option<FeishuError>
  /** Annotates the lines of the log. */
  readonly annotations: Readonly<Record<string, string>>
}

const inWords = (millis: number): string => Duration.format(Duration.millis(Math.round(millis)))

/** Ends a schedule if the next wait does not fit into the remaining time. Logs each failure and the wait after it. */
const within = (
  schedule: Schedule.Schedule<unknown, FeishuError>,
  millisLeft: () => number,
  attempts: () => number
): Schedule.Schedule<unknown, FeishuError> =>
  Schedule.delays(schedule).pipe(
    Schedule.checkEffect((error, delay) =>
      Effect.suspend(() => {
        const wait = Duration.toMillis(delay)
        const left = millisLeft()
        const outcome = wait < left
          ? `failed, the next one follows in ${inWords(wait)}: ${error.message}`
          : `failed and none follows: the wait of ${inWords(wait)} before it does not fit the ${
            inWords(left)
          } that are left`
        return Effect.as(Effect.logWarning(`attempt ${attempts()} ${outcome}`), wait < left)
      })
    )
  )

const isTimeout = (error: FeishuError): boolean => error._tag === "FeishuNetworkError" && error.reason === "Timeout"

/** Waits and runs further attempts after the first has failed. */
const repeatAfter = <A, F, R>(
  first: F,
  attempt: (attempt: Attempt) => Effect.Effect<A, F, R>,
  { annotations, toRepeat }: Options<F>,
  policy: Policy,
  millisLeft: () => number
): Effect.Effect<A, F, R> =>
  Effect.gen(function*() {
    const attemptMillis = Duration.toMillis(policy.attemptTimeout)
    let number = 1
    let last = first
    const waits = yield* Schedule.driver(within(policy.schedule, millisLeft, () => number))
    while (true) {
      const error = toRepeat(last)
      if (Option.isNone(error)) return yield* Effect.fail(last)
      const next = yield* Effect.option(Effect.annotateLogs(waits.next(error.value), annotations))
      if (Option.isNone(next)) return yield* Effect.fail(last)
      number++
      const timeout = Math.min(millisLeft(), attemptMillis)
      const result = yield* Effect.either(attempt({ number, timeout: Duration.millis(timeout) }))
      if (Either.isRight(result)) {
        yield* Effect.annotateLogs(Effect.logDebug(`attempt ${number} succeeded`), annotations)
        return result.right
      }
      const wasCutShort = timeout < attemptMillis && Option.exists(toRepeat(result.left), isTimeout)
      if (wasCutShort) return yield* Effect.fail(last)
      last = result.left
    }
  })

const timeoutOfFirst = ({ attemptTimeout, totalTimeout }: Policy): Duration.Duration =>
  Duration.min(attemptTimeout, totalTimeout)

/**
 * Runs `attempt` until an attempt succeeds, a failure is final, or the policy ends. Fails with the last failure.
 *
 * If the total time ends during an attempt, fails with the failure of the attempt before, which says more.
 */
export const repeat = <A, F, R>(
  attempt: (attempt: Attempt) => Effect.Effect<A, F, R>,
  options: Options<F>
): Effect.Effect<A, F, R> =>
  Effect.flatMap(RetryPolicy, (policy) =>
    Effect.clockWith((clock: Clock.Clock) => {
      const start = readMonotonicMillis(clock)
      const millisLeft = () => start + Duration.toMillis(policy.totalTimeout) - readMonotonicMillis(clock)
      return Effect.catchAll(
        attempt({ number: 1, timeout: timeoutOfFirst(policy) }),
        (failure) => repeatAfter(failure, attempt, options, policy, millisLeft)
      )
    }))
