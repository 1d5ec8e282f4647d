import * as Redacted from "effect/Redacted"

interface Secret {
  readonly value: Redacted.Redacted
}

/** Whether it is the same ticket, or the same token, whatever else is said of it. */
export const isSame = (a: Secret, b: Secret): boolean => Redacted.value(a.value) === Redacted.value(b.value)
