/** Standard input, which an option or an argument names by `-`. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { UsageError } from "./Failure.js"

let isRead = false

/** Fails if two options name standard input, which can be read once. */
const once = (named: string): Effect.Effect<void, UsageError> =>
  Effect.suspend(() => {
    if (isRead) return new UsageError({ message: `${named}: another option reads standard input already` })
    isRead = true
    return Effect.void
  })

/** Reads to the end. Says in a terminal how the input ends. */
const readToEnd = (named: string, howItEnds: string): Effect.Effect<Uint8Array, UsageError> =>
  once(named).pipe(
    Effect.andThen(() =>
      process.stdin.isTTY ? Console.error(`${named}: reading from the terminal; ${howItEnds}`) : Effect.void
    ),
    Effect.andThen(Stream.runCollect(
      NodeStream.fromReadable<UsageError, Uint8Array>(
        () => process.stdin,
        (error) => new UsageError({ message: `${named} cannot be read: ${String(error)}` })
      )
    )),
    Effect.map((chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks)))
  )

/** Reads bytes of which none may be added or lost. `named` is how errors name the option. */
export const read = (named: string): Effect.Effect<Uint8Array, UsageError> =>
  readToEnd(named, "Ctrl-D twice ends the text, and Enter would be a part of it")

/** Reads text that may end with a line break. `named` is how errors name the option. */
export const readText = (named: string): Effect.Effect<string, UsageError> =>
  Effect.map(readToEnd(named, "Enter and then Ctrl-D end the text"), (bytes) => new TextDecoder().decode(bytes))
