/**
 * How a secret is shown: enough of it to know it again, unless all of it was asked for.
 */
import * as Redacted from "effect/Redacted"

export const show = (secret: Redacted.Redacted, reveal: boolean): string => {
  const value = Redacted.value(secret)
  return reveal ? value : value.length >= 16 ? `${value.slice(0, 4)}…` : "…"
}
