/**
 * Files of JSON, or standard input, that an option or an argument names.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Configuration from "./Configuration.js"
import { UsageError } from "./Failure.js"
import * as JsonFlaw from "./JsonFlaw.js"
import * as StandardInput from "./StandardInput.js"

/** Reads a file, or standard input for `-`. `named` is how errors name it. */
export const readText = (named: string, path: string): Effect.Effect<string, UsageError, FileSystem.FileSystem> =>
  path === "-"
    ? StandardInput.readText(named)
    : Configuration.readFile(named, path)

/** Returns the JSON of a text. `whyNot` is given the message of the engine, which quotes the text. */
const parse = (named: string, text: string, whyNot: (message: string) => string): Either.Either<unknown, UsageError> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) =>
      new UsageError({
        message: `${named} holds no JSON: ${whyNot(error instanceof Error ? error.message : String(error))}`
      })
  }).pipe(Either.filterOrLeft(
    (json) => !JsonFlaw.isTooDeep(json),
    () => new UsageError({ message: `${named}: ${JsonFlaw.sentenceOf(text)}` })
  ))

/** Names each field that is wrong, at most five. */
export const flawsOf = (error: ParseResult.ParseError): string =>
  ControlApi.flawsOf(ParseResult.ArrayFormatter.formatErrorSync(error)).join("; ")

/** Reads a file, or standard input for `-`, as JSON. */
export const read = (named: string, path: string): Effect.Effect<unknown, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(readText(named, path), (text) => parse(named, text, (message) => message))

/** Reads a file, or standard input for `-`, as JSON of a schema. */
export const decode = <A, I>(
  named: string,
  path: string,
  schema: Schema.Schema<A, I>
): Effect.Effect<A, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(read(named, path), (json) =>
    Effect.mapError(
      Schema.decodeUnknown(schema)(json, { errors: "all" }),
      (error) => new UsageError({ message: `${named}: ${flawsOf(error)}` })
    ))

/** Reads a file of secrets, or standard input for `-`, as JSON. An error names the place, and quotes nothing. */
export const readSecrets = (
  named: string,
  path: string
): Effect.Effect<unknown, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(readText(named, path), (text) => parse(named, text, () => JsonFlaw.sentenceOf(text)))

/** Names each field that is wrong, at most five, and what the field must be. Leaves out the values. */
export const flawsOfSecrets = (error: ParseResult.ParseError): string => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
  return ControlApi.flawsOf(
    issues.map(({ message, path }) => ({ path, message: message.replace(/, actual [^]*$/, "") }))
  ).join("; ")
}

/** Reads a file of secrets, or standard input for `-`, as JSON of a schema. An error names fields, and never a value. */
export const decodeSecrets = <A, I>(
  named: string,
  path: string,
  schema: Schema.Schema<A, I>
): Effect.Effect<A, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(readSecrets(named, path), (json) =>
    Effect.mapError(
      Schema.decodeUnknown(schema)(json, { errors: "all", onExcessProperty: "error" }),
      (error) => new UsageError({ message: `${named}: ${flawsOfSecrets(error)}` })
    ))

const Fields = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** Reads a file, or standard input for `-`, as a JSON object. */
export const readObject = (
  named: string,
  path: string,
  what: string
): Effect.Effect<Readonly<Record<string, unknown>>, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(read(named, path), (json) =>
    Schema.is(Fields)(json) && !Array.isArray(json)
      ? Effect.succeed(json)
      : new UsageError({ message: `${named} must hold a JSON object, ${what}` }))
