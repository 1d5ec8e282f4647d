import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { isSame } from "../isSame.js"

/**
 * Runs `use` with a ticket or a token. If the platform refuses the value, invalidates the value, gets another and runs
 * `use` once more. Fails with the refusal if the other value is the same, or is refused, too.
 */
export const onceMore = <V extends { readonly value: Redacted.Redacted }, A, E, R, E2, R2>(options: {
  readonly get: Effect.Effect<V, E2, R2>
  readonly use: (value: V) => Effect.Effect<A, E, R>
  readonly isRefused: (error: E) => boolean
  /** Fails if the value must not be replaced. */
  readonly invalidate: (value: V, refusal: E) => Effect.Effect<void, E>
  /** Runs if the platform refuses the other value, too. `None` if the other value is the same, and so was not used. */
  readonly onSecondRefusal: (refusal: E, other: Option.Option<V>) => Effect.Effect<never, E>
}): Effect.Effect<A, E | E2, R | R2> => {
  const { get, invalidate, isRefused, onSecondRefusal, use } = options
  const withAnother = (first: V, refusal: E) =>
    Effect.gen(function*() {
      yield* invalidate(first, refusal)
      const other = yield* get
      if (isSame(first, other)) return yield* onSecondRefusal(refusal, Option.none())
      return yield* Effect.catchIf(use(other), isRefused, (refusal) => onSecondRefusal(refusal, Option.some(other)))
    })
  return Effect.flatMap(
    get,
    (first) => Effect.catchIf(use(first), isRefused, (refusal) => withAnother(first, refusal))
  )
}
