/**
 * Decides when a resend may be sent: one in each cool-down, and none while the push of an accepted resend is awaited. Keeps
 * these waits in this process, because a store may fail, or may lose or delay claims. The claims add the waits of other
 * processes.
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
  /** `undefined` if the claims failed. */
  readonly claim: Claim | undefined
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
  readonly coolDown: Duration.Duration
  /** Returns `false` if the resend was not sent, because nobody waits for a ticket any longer. */
  readonly send: Effect.Effect<boolean, E, R>
  /** Runs when the platform has accepted the resend and the cool-down is kept. */
  readonly onAccepted: Effect.Effect<void>
  /** Returns how long the platform asks to wait. */
  readonly askedWait: (error: E) => Duration.Duration | undefined
}): Resending<E, R> => {
  const { appId, askedWait, claims, coolDown, onAccepted, send } = options
  /** A claim is renewed once a second at most. */
  const lease = Duration.max(coolDown, Duration.seconds(2))
  const pushAwaitedFor = Duration.max(coolDown, pushWithin)
  let own: Resend | undefined
  /** When the resends of this process let the next one follow. On the monotonic clock, in milliseconds. */
  let freeAt = -Infinity
  /** Until when `heldBackFor` returns a time. On the monotonic clock, in milliseconds. */
  let heldBackUntil = 0
  /** The failure that holds back the next resend until `freeAt`. */
  let failure: E | undefined

  const renew = ({ claim }: Resend, duration: Duration.Duration) =>
    claim === undefined ? Effect.void : Effect.ignore(claims.renew(claim, duration))
  const release = ({ claim }: Resend) => claim === undefined ? Effect.void : Effect.ignore(claims.release(claim))

  /** However long the retries take, no other resend is sent meanwhile. */
  const keep = (resend: Resend) =>
    monotonicMillis.pipe(
      Effect.tap((now) => {
        freeAt = Math.max(freeAt, now + Duration.toMillis(lease))
        return renew(resend, lease)
      }),
      Effect.delay(Duration.times(lease, 0.5)),
      Effect.forever
    )

  const sendWith = (resend: Resend) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.raceFirst(send, keep(resend)))
      const endedAt = yield* monotonicMillis
      if (Exit.isFailure(exit)) {
        own = undefined
        const error = Cause.failureOption(exit.cause)
        const asked = Option.flatMapNullable(error, askedWait)
        const wait = Duration.max(coolDown, Option.getOrElse(asked, () => Duration.zero))
        failure = Option.getOrUndefined(error)
        freeAt = endedAt + Duration.toMillis(wait)
        yield* renew(resend, wait)
        return yield* exit
      }
      if (!exit.value) {
        own = undefined
        freeAt = endedAt
        return yield* release(resend)
      }
      freeAt = endedAt + Duration.toMillis(pushAwaitedFor)
      if (!resend.hasPushCome) yield* renew(resend, pushAwaitedFor)
      if (resend.hasPushCome) {
        own = undefined
        freeAt = endedAt + Duration.toMillis(coolDown)
        yield* renew(resend, coolDown)
      } else {
        resend.acceptedAt = endedAt
      }
      yield* onAccepted
    })

  /** Returns the wait. */
  const holdBack = (now: number, left: Duration.Duration) => {
    heldBackUntil = own === undefined ? now + Duration.toMillis(left) : 0
    return Effect.succeed(left)
  }

  /** Goes on unless a resend of this process holds back the next one. */
  const unlessCoolingDown = <A, E1, R1>(next: (now: number) => Effect.Effect<A, E1, R1>) =>
    Effect.flatMap(
      monotonicMillis,
      (now): Effect.Effect<A | Duration.Duration, E1, R1> =>
        now < freeAt ? holdBack(now, Duration.millis(freeAt - now)) : next(now)
    )

  /** Looks again, because another request may have begun a resend meanwhile on Workers. */
  const begin = (claim: Claim | undefined) =>
    unlessCoolingDown((now) => {
      const resend: Resend = { claim, acceptedAt: undefined, hasPushCome: false }
      own = resend
      freeAt = now + Duration.toMillis(lease)
      heldBackUntil = 0
      failure = undefined
      return Effect.as(sendWith(resend), Duration.zero)
    })

  return {
    sendUnlessCoolingDown: unlessCoolingDown(() =>
      Effect.flatMap(Effect.option(claims.claim(appId, claimName, lease)), (answer) => {
        if (Option.isNone(answer)) return begin(undefined)
        if (answer.value._tag === "Claimed") return begin(answer.value.claim)
        const { left } = answer.value
        return Effect.flatMap(monotonicMillis, (now) => holdBack(now, left))
      })
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
      freeAt = resend.acceptedAt + Duration.toMillis(coolDown)
      return now < freeAt
        ? renew(resend, Duration.millis(freeAt - now))
        : release(resend)
    }),
    heldBackFor: (now) => {
      const left = Math.round((heldBackUntil - now) / 1000)
      return left > 0 ? Duration.seconds(left) : undefined
    },
    failureAt: (now) => now < freeAt ? failure : undefined
  }
}
