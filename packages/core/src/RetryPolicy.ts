/**
 * When a failed call is tried again, how long to wait before, and when to give up.
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
  /** Sees each failure, decides whether to try again, and after which wait. */
  readonly schedule: Schedule.Schedule<unknown, FeishuError>
  /** The time for one attempt, from the connection to the last byte of the answer. */
  readonly attemptTimeout: Duration.DurationInput
  /**
   * The time for all attempts and waits together. A wait that does not fit the rest of it is not begun, and an attempt
   * that is cut short by it fails with the error before it, which says more.
   */
  readonly totalTimeout: Duration.DurationInput
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many times at most to try again after the first attempt; a fraction is cut off. Default: 5. */
  readonly retries?: number | undefined
  /** The upper bound of the first wait; each further one is twice the one before. Default: 200 ms. */
  readonly baseDelay?: Duration.DurationInput | undefined
  /** No wait is longer, but for one that the platform asks for. Default: 10 s. */
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
 * The default waits as a plain `Schedule`, to build others on.
 *
 * It goes on only while the error is retryable and `retries` are left. It waits exactly `error.retryAfter` where the
 * platform gave one, and else a random time between nothing and a bound that starts at `baseDelay` and doubles up to
 * `maxDelay` ("full jitter", so that many processes that failed together do not come back together). A `retryAfter` of
 * zero tells nothing and counts as none.
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
 * A policy with the default waits, each of its numbers adjustable.
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
 * One attempt of at most 10 s, no retry.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Policy = make({ retries: 0 })

/**
 * A policy of a bare `Schedule`, which alone decides: it sees each failure, retryable or not. There is no total time
 * limit, and an attempt has 10 s unless `attemptTimeout` says otherwise.
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
