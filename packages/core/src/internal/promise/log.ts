/** Passes the log to a function, or to the console. */
import * as Cause from "effect/Cause"
import * as HashMap from "effect/HashMap"
import { toStringUnknown } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { LogEntry, MoreOptions } from "../../PromiseApi.js"

const levelOf = (level: LogLevel.LogLevel): LogEntry["level"] =>
  LogLevel.greaterThanEqual(level, LogLevel.Error)
    ? "error"
    : LogLevel.greaterThanEqual(level, LogLevel.Warning)
    ? "warn"
    : LogLevel.greaterThanEqual(level, LogLevel.Info)
    ? "info"
    : "debug"

const entryOf = ({ annotations, cause, date, logLevel, message }: Logger.Logger.Options<unknown>): LogEntry => ({
  level: levelOf(logLevel),
  message: (Array.isArray(message) ? message : [message]).map((part) => toStringUnknown(part, 0)).join(" "),
  ...(!Cause.isEmpty(cause) && { error: Cause.squash(cause) }),
  fields: Object.fromEntries(HashMap.toEntries(annotations)),
  date
})

const toConsole = ({ error, fields, level, message }: LogEntry): void => {
  const text = Object.entries(fields).map(([name, value]) => `${name}=${toStringUnknown(value, 0)}`)
  const line = [`feishu: ${message}`, ...text].join(" ")
  // oxlint-disable-next-line no-console -- the program has no logger of its own
  console[level](...(error === undefined ? [line] : [line, error]))
}

/** A logger that throws must not fail what is logged. */
const tolerant = (log: (entry: LogEntry) => void) => (entry: LogEntry): void => {
  try {
    log(entry)
  } catch {
    // There is nowhere to log this.
  }
}

export const layer = (logger: MoreOptions["logger"]): Layer.Layer<never> => {
  if (logger === false) return Logger.minimumLogLevel(LogLevel.None)
  const log = tolerant(logger ?? toConsole)
  return Layer.merge(
    Logger.replace(Logger.defaultLogger, Logger.make((options) => log(entryOf(options)))),
    Logger.minimumLogLevel(logger === undefined ? LogLevel.Warning : LogLevel.Info)
  )
}
