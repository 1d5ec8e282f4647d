/** The exit codes of the process. */
import type { Failure } from "./Failure.js"

export const meanings = {
  0: "done; or, for serve and emulator, ended by a signal as they should be",
  1: "verify: not genuine; replay, emulator push, emulator callback: the app did not take it",
  2: "usage or configuration: correct the command line, a variable or a file",
  3: "network: the platform, the store or the service cannot be reached or gives no usable answer",
  4: "refused by the platform",
  5: "still rate limited or unavailable when the time was up",
  6: "no ticket in time",
  7: "doctor: nothing is broken, and the ticket was not proven",
  70: "an error of the command's own, or its output or log cannot be written",
  130: "interrupted (143: terminated)",
  141: "the reader of the output, or of the log, has closed the pipe, as head does"
} as const

/** The reader of standard output, or of standard error, has closed the pipe. */
export const readerGone = 141

/** The output or the log cannot be written. */
export const cannotWrite = 70

export type ExitCode = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 70

export const ofFailure = (failure: Failure): ExitCode => {
  switch (failure._tag) {
    case "EventRefused":
    case "NotTaken":
      return 1
    case "UsageError":
      return 2
    case "FeishuNetworkError":
      return failure.reason === "Unavailable" ? 5 : 3
    case "TicketStoreError":
    case "NoEmulator":
    case "NoService":
      return 3
    case "EmulatorRefused":
      return 4
    case "FeishuApiError":
      return failure.isRetryable ? 5 : 4
    case "NoTicket":
    case "TicketTimeout":
      return 6
  }
}

/** The code of `doctor`: of the first link that is broken, or 7 if a link that the chain needs is not proven. */
export const ofChecks = (firstBroken: ExitCode | undefined, isUnproven: boolean): ExitCode | undefined =>
  firstBroken ?? (isUnproven ? 7 : undefined)

/**
 * `code`: of a command that failed. `isService`: a signal is the way in which the command should end.
 * `isWritten`: the output and the log have left the process.
 */
export const ofProcess = ({ code, isService, isSuccess, isWritten, signal }: {
  readonly code: ExitCode | undefined
  readonly isService: boolean
  readonly isSuccess: boolean
  readonly isWritten: boolean
  readonly signal: NodeJS.Signals | undefined
}): number => {
  if (code !== undefined) return code
  if (signal !== undefined && !isService) return signal === "SIGINT" ? 130 : 143
  if (!isWritten) return cannotWrite
  return isSuccess || signal !== undefined ? 0 : 70
}
