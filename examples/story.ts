/** What `resend.ts` and `loop.ts` share: the choice of the platform, and lines with the seconds since the start. */
import { Console, Effect, Layer, Logger, LogLevel, Option } from "effect"

// Variables that are only half set are an error, never a reason to call something else.
export const isConfigured = ["FEISHU_APP_ID", "FEISHU_APP_SECRET", "FEISHU_BASE_URL"].some((name) =>
  name in process.env
)

/** Prints a line, folded, with the seconds since `start`. */
export const line = (start: number, at: number, text: string) => {
  const prefix = `${((at - start) / 1000).toFixed(2)} s  `.padStart(10)
  return prefix + text.replace(/(.{70,95}) (?=.{20})/g, `$1\n${" ".repeat(prefix.length)}`)
}

/** Prints the log lines of the library, also those of the level `Debug`. */
export const tell = (start: number) =>
  Layer.mergeAll(
    Logger.replace(
      Logger.defaultLogger,
      Logger.withConsoleLog(Logger.make(({ date, message }) => line(start, date.getTime(), String(message))))
    ),
    Logger.minimumLogLevel(LogLevel.Debug),
    Layer.setUnhandledErrorLogLevel(Option.none())
  )

/** Prints why the program failed, and lets the process end with 1. */
export const reportFailure = (error: unknown) =>
  Effect.andThen(
    Console.error(`\nFailed: ${error}`),
    Effect.sync(() => {
      process.exitCode = 1
    })
  )
