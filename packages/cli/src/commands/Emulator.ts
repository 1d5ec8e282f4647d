/**
 * `feishu-ticket emulator`: the platform on this machine, for an app in any language.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import * as EmulatorServer from "@effect-feishu/emulator/Emulator"
import type * as EmulatorError from "@effect-feishu/emulator/EmulatorError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as EmulatorOptions from "../EmulatorOptions.js"
import * as Failure from "../Failure.js"
import * as JsonFile from "../JsonFile.js"
import { isLoopback } from "../Loopback.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"
import { show } from "./emulator/entries.js"
import * as EnvFile from "./emulator/envFile.js"
import * as Setup from "./emulator/setup.js"
import * as StateFile from "./emulator/stateFile.js"

const isUrl = (text: string) => /^https?:\/\//i.test(text) && URL.canParse(text)

const checkUrls = ({ baseUrl, requestUrl }: EmulatorOptions.Start) =>
  Effect.forEach(
    [["--request-url", requestUrl], ["--base-url", baseUrl]] as const,
    ([name, url]) =>
      Option.isSome(url) && !isUrl(url.value)
        ? new Failure.UsageError({ message: `${name} must be an http or https URL` })
        : Effect.void,
    { discard: true }
  )

/** Says whether the library sends secrets to the URL only with `allowHttp`. */
const needsAllowHttp = (url: string): boolean => {
  const { hostname, protocol } = new URL(url)
  return protocol === "http:" && !isLoopback(hostname)
}

const readAnswers = (path: Option.Option<string>) =>
  Option.match(path, {
    onNone: () => Effect.succeed([]),
    onSome: (path) => JsonFile.decode(`--answers ${path}`, path, Schema.Array(ControlApi.Answer))
  })

/** Returns the URL of the console: on this machine's own address if a browser here may not know the name in `--base-url`. */
const consoleOf = (url: string, { baseUrl, host, port }: EmulatorOptions.Start): string => {
  const own = `http://127.0.0.1:${port}/`
  return Option.isSome(baseUrl) && port !== 0 && (isLoopback(host) || host === "0.0.0.0" || host === "::")
    ? own
    : `${url}/`
}

const failureOf = (
  error: EmulatorError.ServerError | EmulatorError.OptionsError,
  { answers, host }: EmulatorOptions.Start
): Failure.UsageError => {
  if (error._tag === "ServerError") {
    const { cause, port } = error
    const why = cause instanceof Error ? cause.message : String(cause)
    return new Failure.UsageError({
      message: isLoopback(host)
        ? `port ${port} cannot be listened on: choose another with --port, or 0 for any free one (${why})`
        : `port ${port} of ${host} cannot be listened on: choose others with --port and --host (${why})`
    })
  }
  return new Failure.UsageError({
    message: error.option === "answers" && Option.isSome(answers)
      ? `--answers ${answers.value}: ${error.description}`
      : error.message
  })
}

/** Runs the emulator until the process ends. */
const serve = (options: EmulatorOptions.Start, setup: Setup.Setup) =>
  Effect.gen(function*() {
    const { app, made, missing, missingLines, savedUrl, secrets } = setup
    const output = yield* Output.Output
    const emulator = yield* EmulatorServer.Emulator
    const { baseUrl } = emulator
    const requestUrl = Option.getOrUndefined(options.requestUrl)
    const place = {
      FEISHU_BASE_URL: baseUrl,
      ...(needsAllowHttp(baseUrl) && { FEISHU_ALLOW_HTTP: "true" }),
      FEISHU_APP_ID: app.appId
    }
    const kind = app.kind === "self-built" ? { FEISHU_APP_KIND: app.kind } : {}
    if (Option.isSome(options.state)) {
      yield* StateFile.keep(options.state.value, emulator, {
        appId: app.appId,
        before: setup.before,
        made: setup.allMade
      })
    }
    yield* setup.verify
    if (Option.isSome(options.writeEnv)) {
      yield* EnvFile.write(options.writeEnv.value, {
        FEISHU_DOMAIN: undefined,
        FEISHU_APP_KIND: undefined,
        ...place,
        ...kind,
        ...secrets
      })
    }
    if (!isLoopback(options.host)) {
      yield* Effect.logWarning(
        `other machines can reach the emulator at ${options.host}: whoever can, can steer it and call its app`
      )
    }
    const variables: Record<string, string> = { ...place, ...kind, ...made }
    const console = consoleOf(baseUrl, options)
    const pushes = requestUrl !== undefined
      ? `# The platform pushes to ${requestUrl}, and pushes a ticket as soon as this URL answers the handshake.`
      : savedUrl !== undefined
      ? `# The platform pushes to ${String(savedUrl)}, as before.`
      : "# The platform pushes nothing, because there is no --request-url."
    yield* output.line(
      options.json
        ? JSON.stringify({
          type: "listening",
          url: baseUrl,
          console,
          appId: app.appId,
          requestUrl: requestUrl ?? savedUrl ?? null,
          variables,
          missing
        })
        // All of the output is a file for `--dotenv`, in which a line of words must be a comment.
        : [
          `# The platform listens on ${output.paint("cyan", baseUrl)}`,
          `# Console for the browser: ${output.paint("cyan", console)}`,
          "# The app:",
          ...Object.entries(variables).map(([name, value]) => EnvFile.line(name, value)),
          ...missingLines,
          ...(Option.isSome(options.writeEnv) ? [`# ${options.writeEnv.value} has all of these variables.`] : []),
          pushes,
          ""
        ].join("\n")
    )

    let reason: string | undefined
    /** Shows each exchange. Leaves out a failed handshake that has the same reason as the one before. */
    const journal = Stream.runForEach(emulator.changes, (entry) => {
      const isOld = entry._tag === "Handshake" && entry.outcome === "failed" && entry.reason === reason
      if (entry._tag === "Handshake") reason = entry.reason
      const { json, text } = show(entry, output.paint)
      return isOld ? Effect.void : output.line(options.json ? JSON.stringify(json) : text)
    })
    const handshake = requestUrl === undefined ? Effect.void : emulator.setRequestUrl(app.appId, requestUrl).pipe(
      Effect.retry(Schedule.spaced("1 second")),
      output.waiting(`waiting for ${requestUrl} to answer the handshake`),
      // A ticket that the app requested earlier is lost. A self-built app gets no ticket.
      Effect.andThen(Effect.ignore(emulator.pushTicket(app.appId)))
    )
    return yield* Effect.andThen(Effect.all([journal, handshake], { concurrency: "unbounded" }), Effect.never)
  })

export const run = (options: EmulatorOptions.Start) =>
  Effect.gen(function*() {
    yield* checkUrls(options)
    const answers = yield* readAnswers(options.answers)
    const setup = yield* Setup.make(options)
    yield* Effect.scoped(serve(options, setup)).pipe(
      Effect.provide(EmulatorServer.layerServer({
        host: options.host,
        port: options.port,
        baseUrl: Option.getOrUndefined(options.baseUrl),
        pushDelay: options.realistic ? "realistic" : Duration.millis(200),
        apps: setup.apps,
        tickets: setup.tickets,
        tokens: setup.tokens,
        answers
      })),
      Effect.catchTags({
        ServerError: (error) => failureOf(error, options),
        OptionsError: (error) => failureOf(error, options),
        // The handshake is retried until it passes.
        RequestUrlError: Effect.die,
        UnknownApp: Effect.die
      })
    )
    return { json: {}, text: "" }
  }).pipe((effect) => Report.report(effect, options))
