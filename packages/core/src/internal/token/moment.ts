/**
 * A moment on both clocks. The system's clock can be set back or forth. The monotonic clock may stand still while the
 * machine sleeps. So a moment has passed as soon as one of the clocks says so.
 */
import type * as Clock from "effect/Clock"

export interface Moment {
  /** Since 1970. */
  readonly millis: number
  /** On the monotonic clock. */
  readonly nanos: bigint
}

export const now = (clock: Clock.Clock): Moment => ({
  millis: clock.unsafeCurrentTimeMillis(),
  nanos: clock.unsafeCurrentTimeNanos()
})

export const later = ({ millis, nanos }: Moment, byMillis: number): Moment => ({
  millis: millis + byMillis,
  nanos: nanos + BigInt(Math.round(byMillis * 1e6))
})

export const earlier = (a: Moment, b: Moment): Moment => ({
  millis: Math.min(a.millis, b.millis),
  nanos: a.nanos < b.nanos ? a.nanos : b.nanos
})

export const isFuture = (clock: Clock.Clock, { millis, nanos }: Moment): boolean =>
  clock.unsafeCurrentTimeMillis() < millis && clock.unsafeCurrentTimeNanos() < nanos
