import * as Redacted from "effect/Redacted"

interface Secret {
  readonly value: Redacted.Redacted
}

/** Returns `true` if both have the same value. */
export const isSame = (a: Secret, b: Secret): boolean => Redacted.value(a.value) === Redacted.value(b.value)
