/**
 * Decides if and when a failed call is retried.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { FeishuError } from "./FeishuError.js"
import { askedWait } from "./internal/askedWait.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  /** Receives each failure. Decides if and when the call is retried. */
  readonly schedule: Schedule.Schedule<unknown, FeishuError>
  /** The time for one attempt, from the connection to the last byte of the answer. */
  readonly attemptTimeout: Duration.DurationInput
  /**
   * The time for all attempts and waits together. If the next wait does not fit into the remaining time, the call fails at
   * once. If the time ends during an attempt, the call fails with the error of the attempt before, which says more.
   */
  readonly totalTimeout: Duration.DurationInput
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The most retries after the first attempt. A fraction is cut off. Default: 5. */
  readonly retries?: number | undefined
  /** The upper bound of the first wait. The bound doubles with each wait. Default: 200 ms. */
  readonly baseDelay?: Duration.DurationInput | undefined
  /** The upper bound of every wait, except if the platform asks for a longer wait. Default: 10 s. */
  readonly maxDelay?: Duration.DurationInput | undefined
  /** Default: 10 s. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** Default: 30 s. */
  readonly totalTimeout?: Duration.DurationInput | undefined
}

const defaults = {
  retries: 5,
  baseDelay: "200 millis",
  maxDelay: "10 seconds",
  attemptTimeout: "10 seconds",
  totalTimeout: "30 seconds"
} as const

/**
 * The default waits as a plain `Schedule`, to build other schedules on.
 *
 * Continues while the error is retryable and `retries` are left. Waits exactly `error.retryAfter` if the platform asked for
 * a wait. Otherwise waits a random time between zero and a bound that starts at `baseDelay` and doubles up to `maxDelay`
 * ("full jitter": processes that failed together do not retry together). Ignores a `retryAfter` of zero.
 *
 * @since 0.1.0
 * @category schedules
 */
export const schedule = (options?: {
  readonly retries?: number | undefined
  readonly baseDelay?: Duration.DurationInput | undefined
  readonly maxDelay?: Duration.DurationInput | undefined
}): Schedule.Schedule<[retry: number, error: FeishuError], FeishuError> => {
  const baseDelay = Duration.toMillis(options?.baseDelay ?? defaults.baseDelay)
  const maxDelay = Duration.toMillis(options?.maxDelay ?? defaults.maxDelay)
  return Schedule.recurs(Math.floor(options?.retries ?? defaults.retries)).pipe(
    Schedule.intersect(Schedule.identity<FeishuError>()),
    Schedule.whileOutput(([_, error]) => error.isRetryable),
    Schedule.addDelayEffect(([retry, error]) => {
      const wait = askedWait(error)
      return wait !== undefined ? Effect.succeed(wait) : Effect.map(
        Random.next,
        (random) => Duration.millis(Math.round(random * Math.min(maxDelay, baseDelay * 2 ** retry)))
      )
    })
  )
}

/**
 * Makes a policy with the default waits, or with other numbers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Policy => ({
  schedule: schedule(options),
  attemptTimeout: Duration.decode(options?.attemptTimeout ?? defaults.attemptTimeout),
  totalTimeout: Duration.decode(options?.totalTimeout ?? defaults.totalTimeout)
})

/**
 * Never retries. The attempt has 10 s.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Policy = make({ retries: 0 })

/**
 * Makes a policy of a bare `Schedule`. The schedule alone decides: it receives each failure, retryable or not, after
 * which the request may be sent again at all (see `FeishuClient.Client`). There is no total time limit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSchedule = (
  schedule: Schedule.Schedule<unknown, FeishuError>,
  options?: {
    /** Default: 10 s. */
    readonly attemptTimeout?: Duration.DurationInput | undefined
  }
): Policy => ({
  schedule,
  attemptTimeout: options?.attemptTimeout ?? defaults.attemptTimeout,
  totalTimeout: Duration.infinity
})

/**
 * The policy in force. Default: `make()`. Provide another to a region of code, or to a whole program.
 *
 * @since 0.1.0
 * @category references
 */
export class RetryPolicy extends Context.Reference<RetryPolicy>()("@effect-feishu/core/RetryPolicy", {
  defaultValue: (): Policy => make()
}) {}
