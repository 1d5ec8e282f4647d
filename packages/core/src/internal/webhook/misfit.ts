import * as Data from "effect/Data"
import * as ParseResult from "effect/ParseResult"

/** A payload or an answer does not fit its schema. */
export class Misfit extends Data.TaggedError("Misfit")<{ readonly message: string }> {}

/** Takes the value out of "Expected string, actual 1", because a value may be private. */
const withoutValue = ({ _tag, message, path }: ParseResult.ArrayFormatterIssue): string => {
  const [expected = "", actual] = message.split(/, actual\b/, 2)
  const isSafe = actual !== undefined || _tag === "Missing" || _tag === "Unexpected"
  return `${path.length === 0 ? "it" : path.map(String).join(".")}: ${isSafe ? expected : "does not fit"}`
}

/** Names the fields that do not fit, without their values. */
export const make = (what: string, error: ParseResult.ParseError): Misfit => {
  const fields = ParseResult.ArrayFormatter.formatErrorSync(error).map(withoutValue)
  return new Misfit({ message: `${what} does not fit the schema: ${[...new Set(fields)].join("; ")}` })
}
