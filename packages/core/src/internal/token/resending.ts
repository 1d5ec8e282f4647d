/**
 * Decides when a resend may be sent: one in each cool-down among all processes that share the claims, and none while the
 * push of an accepted resend is awaited.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Claim, Service as Claims } from "../../Claims.js"
import { monotonicMillis } from "../monotonicMillis.js"

/** The name that all processes claim. */
const claimName = "resend"

/** A push follows its resend within this time (page "ISV 相关"). */
const pushWithin = Duration.minutes(2)

interface Resend {
  /** Keeps the claim. */
  readonly claims: Claims
  readonly claim: Claim
  /** On the monotonic clock, in milliseconds. `undefined` while the platform's answer is awaited. */
  acceptedAt: number | undefined
  hasPushCome: boolean
}

export interface Resending<E, R> {
  /** Sends a resend unless one was sent lately. Returns the wait until the next may follow, and zero after its own. */
  readonly sendUnlessCoolingDown: Effect.Effect<Duration.Duration, E, R>
  /** Lets the cool-down alone hold back the next resend, because the push has come. */
  readonly pushHasCome: Effect.Effect<void>
  /**
   * Returns the time until the next resend may follow, if another process's resend, or a resend that failed, holds back the
   * next one. `now`: on the monotonic clock in milliseconds.
   */
  readonly heldBackFor: (now: number) => Duration.Duration | undefined
  /** Returns why this process's last resend failed, while the failed resend holds back the next one. `now`: likewise. */
  readonly failureAt: (now: number) => E | undefined
}

export const make = <E, R>(options: {
  readonly appId: string
  readonly claims: Claims
  /** Used while `claims` fails: keeps the cool-down within this process. */
  readonly localClaims: Claims
  readonly coolDown: Duration.Duration
  /** Returns `false` if the resend was not sent, because nobody waits for a ticket any longer. */
  readonly send: Effect.Effect<boolean, E, R>
  /** Runs when the platform has accepted the resend and the cool-down is kept. */
  readonly onAccepted: Effect.Effect<void>
  /** Returns how long the platform asks to wait. */
  readonly askedWait: (error: E) => Duration.Duration | undefined
}): Resending<E, R> => {
  const { appId, askedWait, coolDown, onAccepted, send } = options
  /** A claim is renewed once a second at most. */
  const lease = Duration.max(coolDown, Duration.seconds(2))
  let own: Resend | undefined
  /** On the monotonic clock, in milliseconds. */
  let heldBackUntil = 0
  /** `until`: on the monotonic clock, in milliseconds. */
  let failure: { readonly error: E | undefined; readonly until: number } | undefined

  const renew = ({ claim, claims }: Resend, duration: Duration.Duration) => Effect.ignore(claims.renew(claim, duration))
  const release = ({ claim, claims }: Resend) => Effect.ignore(claims.release(claim))

  /** However long the retries take, no other process sends a resend meanwhile. */
  const keep = (resend: Resend) => Effect.forever(Effect.delay(renew(resend, lease), Duration.times(lease, 0.5)))

  const sendWith = (claims: Claims, claim: Claim) =>
    Effect.gen(function*() {
      const resend: Resend = { claims, claim, acceptedAt: undefined, hasPushCome: false }
      own = resend
      heldBackUntil = 0
      failure = undefined
      const exit = yield* Effect.exit(Effect.raceFirst(send, keep(resend)))
      if (Exit.isFailure(exit)) {
        own = undefined
        const error = Cause.failureOption(exit.cause)
        const asked = Option.flatMapNullable(error, askedWait)
        const wait = Duration.max(coolDown, Option.getOrElse(asked, () => Duration.zero))
        failure = { error: Option.getOrUndefined(error), until: (yield* monotonicMillis) + Duration.toMillis(wait) }
        yield* renew(resend, wait)
        return yield* exit
      }
      if (!exit.value) {
        own = undefined
        return yield* release(resend)
      }
      const acceptedAt = yield* monotonicMillis
      if (!resend.hasPushCome) yield* renew(resend, Duration.max(coolDown, pushWithin))
      if (resend.hasPushCome) {
        own = undefined
        yield* renew(resend, coolDown)
      } else {
        resend.acceptedAt = acceptedAt
      }
      yield* onAccepted
    })

  const sendUnlessTaken = (claims: Claims) =>
    Effect.map(claims.claim(appId, claimName, lease), (answer) => {
      if (answer._tag === "Claimed") return Effect.as(sendWith(claims, answer.claim), Duration.zero)
      const { left } = answer
      return Effect.map(monotonicMillis, (now) => {
        heldBackUntil = own === undefined ? now + Duration.toMillis(left) : 0
        return left
      })
    })

  return {
    sendUnlessCoolingDown: sendUnlessTaken(options.claims).pipe(
      Effect.orElse(() => sendUnlessTaken(options.localClaims)),
      Effect.orDie,
      Effect.flatten
    ),
    pushHasCome: Effect.flatMap(monotonicMillis, (now) => {
      const resend = own
      if (resend === undefined) return Effect.void
      // Some pushes overtake the answer to their resend.
      if (resend.acceptedAt === undefined) {
        resend.hasPushCome = true
        return Effect.void
      }
      own = undefined
      const left = Duration.toMillis(coolDown) - (now - resend.acceptedAt)
      return left > 0
        ? renew(resend, Duration.millis(left))
        : release(resend)
    }),
    heldBackFor: (now) => {
      const left = Math.round((heldBackUntil - now) / 1000)
      return left > 0 ? Duration.seconds(left) : undefined
    },
    failureAt: (now) => failure !== undefined && now < failure.until ? failure.error : undefined
  }
}
