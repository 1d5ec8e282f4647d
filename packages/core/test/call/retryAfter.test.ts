import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck, Option } from "effect"
import { retryAfter } from "../../src/internal/call/retryAfter.js"

/** 2026-11-27 12:00:00 GMT. */
const now = Date.UTC(2026, 10, 27, 12)

const seconds = (headers: Record<string, string>): number | null =>
  Option.fromNullable(retryAfter(headers, now)).pipe(Option.map(Duration.toSeconds), Option.getOrNull)

const reset = "x-ogw-ratelimit-reset"
const after = "retry-after"

describe("retryAfter", () => {
  it.each<[string, Record<string, string>, number | null]>([
    ["the platform's header in seconds", { [reset]: "52" }, 52],
    ["a fraction", { [reset]: "1.5" }, 1.5],
    ["white space around the value", { [reset]: "  52\t" }, 52],
    ["the largest of a header that comes twice", { [reset]: "3, 52, 7" }, 52],
    ["the platform's header before Retry-After", { [reset]: "3", [after]: "60" }, 3],
    ["Retry-After if the platform's header is no number", { [reset]: "soon", [after]: "60" }, 60],
    ["the number of a header that also says something else", { [reset]: "soon, 4" }, 4],
    ["Retry-After in seconds", { [after]: "120" }, 120],
    ["Retry-After as a date", { [after]: "Fri, 27 Nov 2026 12:01:30 GMT" }, 90],
    ["a date of RFC 850", { [after]: "Friday, 27-Nov-26 12:01:30 GMT" }, 90],
    ["a date of asctime", { [after]: "Fri Nov 27 12:01:30 2026" }, 90],
    ["a date and a number", { [after]: "Fri, 27 Nov 2026 12:01:30 GMT, 30" }, 90],
    ["two dates", { [after]: "Fri, 27 Nov 2026 12:01:30 GMT, Fri, 27 Nov 2026 12:02:00 GMT" }, 120],
    ["no wait for a date that has passed", { [after]: "Fri, 27 Nov 2026 11:00:00 GMT" }, 0],
    ["at most 31 years", { [reset]: "9".repeat(400) }, 1e9],
    ["nothing of a negative number", { [reset]: "-5" }, null],
    ["nothing of words", { [reset]: "soon" }, null],
    ["nothing of words with a number", { [after]: "in 5 minutes" }, null],
    ["nothing of hexadecimal", { [reset]: "0x10" }, null],
    ["nothing of an exponent", { [reset]: "1e3" }, null],
    ["nothing of a unit", { [reset]: "5s" }, null],
    ["nothing of infinity", { [reset]: "Infinity" }, null],
    ["nothing of an empty header", { [reset]: "" }, null],
    ["nothing without a header", {}, null]
  ])("reads %s", (_, headers, expected) => assert.strictEqual(seconds(headers), expected))

  it.effect.prop(
    "reads any text as a wait from 0 to 31 years, or as none",
    [FastCheck.oneof(
      FastCheck.string(),
      FastCheck.string({ unit: FastCheck.constantFrom(..."0123456789.,:- GMTFri") })
    )],
    ([text]) =>
      Effect.sync(() => {
        for (const name of [reset, after]) {
          const wait = seconds({ [name]: text })
          assert.isTrue(wait === null || (wait >= 0 && wait <= 1e9), `${wait}`)
        }
      })
  )
})
