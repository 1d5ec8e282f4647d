import { Inspectable } from "effect"
import { inspect } from "node:util"

/** A value in each form that a program may show it in, to look for secrets. */
export const everything = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value, (_, value) => typeof value === "bigint" ? String(value) : value),
    inspect(value, { depth: 20, showHidden: true, getters: true, maxStringLength: null }),
    Inspectable.toStringUnknown(value),
    value instanceof Error ? `${value.message}\n${value.stack}` : ""
  ].join("\n")
