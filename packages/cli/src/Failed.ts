/** The end of a command that has said why it failed. */
import * as Data from "effect/Data"
import type { ExitCode } from "./ExitCode.js"

export class Failed extends Data.TaggedError("Failed")<{ readonly code: ExitCode }> {}
