/**
 * Writes the results to standard output, and the log to standard error. Writes colours only to a terminal that has colours
 * (`NO_COLOR` is honoured, by Node itself), and a line that moves only if both streams are a terminal.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { inspect, stripVTControlCharacters } from "node:util"

/** The numbers of ANSI escape sequences. */
const colours = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const

export type Colour = keyof typeof colours

export interface Service {
  /** Writes a line to standard output. */
  readonly line: (text: string) => Effect.Effect<void>
  /** Colours a part of a line for standard output. */
  readonly paint: (colour: Colour, text: string) => string
  /** Shows in a terminal what the command waits for, and the seconds so far, while the effect runs. */
  readonly waiting: (what: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export class Output extends Context.Tag("@effect-feishu/cli/Output")<Output, Service>() {}

const hasColours = (stream: NodeJS.WriteStream): boolean => stream.isTTY && stream.hasColors()

/** Strips terminal control characters from text that we did not write. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text).replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd")

/** Escapes the control characters that JSON allows and that some terminals obey. */
const escaped = (text: string): string =>
  text.replace(/[\x7f-\x9f]/g, (control) => `\\u00${control.charCodeAt(0).toString(16)}`)

/** The wait after which the log says what is waited for. */
const toldAfter = "5 seconds"

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const

const make = () => {
  const { stderr, stdout } = process
  // With `| tee`, the lines of another process come into the same terminal, and would be wiped out with the line that moves.
  const canMove = stderr.isTTY && stdout.isTTY && process.env["TERM"] !== "dumb"
  /** The line that moves, at the bottom of the terminal. All other lines are written above. */
  let moving: string | undefined
  const draw = (text: string | undefined) => {
    if (!canMove) return
    if (moving !== undefined) stderr.write("\r\x1b[2K")
    moving = text
    // A longer line would wrap and not be wiped out whole. Some terminals say that they are 0 columns wide.
    if (text !== undefined) stderr.write(text.slice(0, Math.max((stderr.columns || 80) - 1, 20)))
  }
  const writer = (stream: NodeJS.WriteStream) => {
    const isColoured = hasColours(stream)
    return (text: string) => {
      const before = moving
      draw(undefined)
      stream.write(`${isColoured ? text : stripVTControlCharacters(text)}\n`)
      draw(before)
    }
  }
  const out = writer(stdout)
  const err = writer(stderr)
  const line = (text: string) => Effect.sync(() => out(escaped(text)))

  const format = (args: ReadonlyArray<unknown>) =>
    args.map((arg) => typeof arg === "string" ? arg : inspect(arg)).join(" ")
  const unsafe: Console.UnsafeConsole = {
    ...globalThis.console,
    log: (...args) => out(format(args)),
    error: (...args) => err(format(args))
  }
  const console: Console.Console = {
    ...Context.get(DefaultServices.liveServices, Console.Console),
    log: (...args) => line(format(args)),
    error: (...args) => Effect.sync(() => err(format(args))),
    unsafe
  }

  const time = (date: Date) => stderr.isTTY ? date.toTimeString().slice(0, 8) : date.toISOString()
  const paintLevel = (level: LogLevel.LogLevel, text: string) => {
    if (LogLevel.lessThan(level, LogLevel.Warning)) return text
    const isError = LogLevel.greaterThanEqual(level, LogLevel.Error)
    return `\x1b[${isError ? colours.red : colours.yellow}m${isError ? "error" : "warning"}:\x1b[0m ${text}`
  }
  const logger = Logger.make(({ annotations, cause, date, logLevel, message }) => {
    const errors = Cause.prettyErrors(cause).map(({ message }) => message)
    const text = [...(Array.isArray(message) ? message : [message]).map((part) => format([part])), ...errors].join(": ")
    const notes = HashMap.toEntries(annotations)
      .filter(([key]) => key !== "app_id" && key !== "call")
      .map(([key, value]) => ` ${key}=${String(value)}`)
    err(`${time(date)}  ${paintLevel(logLevel, plain(text + notes.join("")))}`)
  })

  const service: Service = {
    line,
    paint: hasColours(stdout)
      ? (colour, text) => `\x1b[${colours[colour]}m${text}\x1b[0m`
      : (_, text) => text,
    waiting: (what) => (effect) =>
      canMove
        ? Effect.flatMap(Clock.currentTimeMillis, (since) => {
          let frame = 0
          const step = Effect.map(Clock.currentTimeMillis, (now) => {
            const seconds = Math.floor((now - since) / 1000)
            draw(`${frames[frame++ % frames.length]} ${what}${seconds > 0 ? `, ${seconds} s so far` : ""}`)
          })
          return Effect.raceFirst(
            effect,
            Effect.andThen(Effect.repeat(step, Schedule.spaced("100 millis")), Effect.never)
          )
        }).pipe(Effect.ensuring(Effect.sync(() => draw(undefined))))
        // Without a line that moves, a long wait is logged once.
        : Effect.raceFirst(effect, Effect.andThen(Effect.delay(Effect.logInfo(what), toldAfter), Effect.never))
  }
  return { console, logger, service }
}

export const layer: Layer.Layer<Output> = Layer.unwrapEffect(Effect.sync(() => {
  const { console, logger, service } = make()
  return Layer.mergeAll(
    Layer.succeed(Output, service),
    Console.setConsole(console),
    Logger.replace(Logger.defaultLogger, logger),
    Layer.setUnhandledErrorLogLevel(Option.none())
  )
}))

export const line = (text: string): Effect.Effect<void, never, Output> =>
  Effect.flatMap(Output, ({ line }) => line(text))
