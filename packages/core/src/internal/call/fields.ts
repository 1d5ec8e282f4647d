/** Decodes the fields of an answer. */
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/** Names the fields that are wrong. Leaves out their values, which may be tokens. */
export const describeIssue = (error: ParseResult.ParseError, at: ReadonlyArray<string> = []): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => `${issue._tag === "Missing" ? "missing" : "unexpected"} "${[...at, ...issue.path].join(".")}"`)
    .join(", ")

/** Decodes with a schema. Fails with the names of the wrong fields. */
export const decodeFields = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(schema, { errors: "all" })
  return (json: unknown): Effect.Effect<A, string> => Effect.mapError(decode(json), (error) => describeIssue(error))
}
