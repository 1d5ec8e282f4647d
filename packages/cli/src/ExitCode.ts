/**
 * What the process says by its exit code.
 */
import * as Data from "effect/Data"

export const meanings = {
  0: "done",
  1: "verify: the delivery is not genuine; emulator push, emulator callback: the app did not take it",
  2: "usage or configuration: correct the command line, a variable or a file",
  3: "network: the platform, or the store, cannot be reached or gives no usable answer",
  4: "refused by the platform",
  5: "still rate limited or unavailable when the time was up",
  6: "no ticket in time",
  9: "--env-file names no file that can be read: Node's own code for it",
  70: "an error of the command's own, or its output cannot be written",
  130: "interrupted (143: terminated)"
} as const

export type ExitCode = 1 | 2 | 3 | 4 | 5 | 6 | 70

/** The command has said all that it has to say, and ends with this code. */
export class Failed extends Data.TaggedError("Failed")<{ readonly code: ExitCode }> {}
