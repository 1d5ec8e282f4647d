/** The file of `--write-env`: variables that a user's app reads. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { parseEnv } from "node:util"
import * as AtomicFile from "../../AtomicFile.js"
import * as Configuration from "../../Configuration.js"
import * as Failure from "../../Failure.js"

/** Reads the file. Returns an empty text if the file does not exist. */
export const read = (path: string): Effect.Effect<string, Failure.UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.catchAll((error) =>
      error._tag === "SystemError" && error.reason === "NotFound"
        ? Effect.succeed("")
        : new Failure.UsageError({ message: `--write-env ${path} cannot be read: ${Configuration.whyNot(error)}` })
    )
  )

/** Puts quotes around a value if it needs them. */
export const line = (name: string, value: string): string => {
  const quote = /^[\w.:/@%+,=-]*$/.test(value) ? "" : ["'", "`", "\""].find((quote) => !value.includes(quote)) ?? "'"
  return `${name}=${quote}${value}${quote}`
}

const nameOf = (text: string): string | undefined => /^\s*(?:export\s+)?([\w.-]+)\s*=/.exec(text)?.[1]

/** Sets variables in the text of a file, and keeps its other lines. `undefined` makes a comment of the variable's line. */
export const merge = (text: string, variables: Readonly<Record<string, string | undefined>>): string => {
  const pending = new Map(Object.entries(variables))
  const lines = text === "" ? [] : text.replace(/\r?\n$/, "").split("\n")
  const merged = lines.flatMap((before) => {
    const name = nameOf(before)
    if (name === undefined || !(name in variables)) return [before]
    const value = variables[name]
    // Of a variable that is set twice, only one line stays.
    const isFirst = pending.delete(name)
    return value === undefined ? [`# ${before}`] : isFirst ? [line(name, value)] : []
  })
  const added = [...pending].flatMap(([name, value]) => value === undefined ? [] : [line(name, value)])
  return [...merged, ...added].map((text) => `${text}\n`).join("")
}

/** Says whether the merged text holds these variables, and all others as before. */
const isRight = (before: string, after: string, variables: Readonly<Record<string, string | undefined>>): boolean => {
  const expected = Object.entries({ ...parseEnv(before), ...variables }).filter(([_, value]) => value !== undefined)
  const found = Object.entries(parseEnv(after))
  return expected.length === found.length
    && found.every(([name, value]) => expected.some(([other, expected]) => other === name && expected === value))
}

/** Writes variables into the file, atomically. A file that exists keeps its mode. */
export const write = (
  path: string,
  variables: Readonly<Record<string, string | undefined>>
): Effect.Effect<void, Failure.UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const before = yield* read(path)
    const after = merge(before, variables)
    if (!isRight(before, after, variables)) {
      return yield* new Failure.UsageError({
        message:
          `--write-env ${path} cannot be changed line by line: a value in it takes several lines, or cannot be quoted. The `
          + "file is left as it is: choose another"
      })
    }
    const mode = yield* Effect.match(fs.stat(path), { onFailure: () => 0o600, onSuccess: ({ mode }) => mode & 0o777 })
    yield* Effect.mapError(
      AtomicFile.write(path, after, mode),
      (error) =>
        new Failure.UsageError({ message: `--write-env ${path} cannot be written: ${AtomicFile.whyNot(error)}` })
    )
  })
