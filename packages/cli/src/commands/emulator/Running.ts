/**
 * An emulator that runs, steered by HTTP.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import type {
  CallbackError,
  NoTicket,
  OptionsError,
  RequestUrlError,
  UnknownApp
} from "@effect-feishu/emulator/EmulatorError"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import type * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Configuration from "../../Configuration.js"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as Network from "../../Network.js"
import * as Output from "../../Output.js"
import * as Report from "../../Report.js"

const defaultUrl = "http://127.0.0.1:4000"

/** A push takes 3 s at most, and a handshake 1 s. */
const patience = "15 seconds"

const isReal = ({ hostname }: URL): boolean =>
  /(^|\.)(feishu\.cn|feishu\.net|larksuite\.com|larkoffice\.com|larksuite-pre\.com)$/i.test(hostname)

const howToStart = "start one with feishu-ticket emulator, or name another with --url"

/** Returns the URL without a slash at its end, and checks that it can be an emulator's. */
const urlOf = (url: Option.Option<string>, variables: Configuration.Variables) => {
  const [source, text] = Option.isSome(url)
    ? ["--url", url.value] as const
    : ["FEISHU_BASE_URL", variables.get("FEISHU_BASE_URL") ?? defaultUrl] as const
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    return new Failure.UsageError({ message: `${source} must be an http or https URL` })
  }
  if (isReal(new URL(text))) {
    return new Failure.UsageError({
      message: `${source} is the real platform, ${
        new URL(text).host
      }, and this command steers only an emulator: ${howToStart}`
    })
  }
  return Effect.succeed(text.replace(/\/+$/, ""))
}

type ApiError =
  | UnknownApp
  | NoTicket
  | RequestUrlError
  | CallbackError
  | OptionsError
  | HttpApiError.HttpApiDecodeError
  | HttpApiError.NotFound
  | HttpClientError.HttpClientError
  | ParseError

const notAnEmulator = (url: string) =>
  new Failure.NoEmulator({ message: `what answers at ${url} is no emulator of this version: ${howToStart}` })

const failureOf = (url: string) => (error: ApiError): Effect.Effect<never, Failure.Failure> => {
  switch (error._tag) {
    case "UnknownApp":
    case "OptionsError":
      return new Failure.UsageError({ message: error.message })
    case "NoTicket":
    case "RequestUrlError":
      return new Failure.EmulatorRefused({ message: error.message })
    case "CallbackError": {
      const { appId, message, reason, type } = error
      return new Failure.NotTaken({ message, more: { appId, type, reason } })
    }
    case "HttpApiDecodeError":
      return new Failure.UsageError({
        message: error.issues.map(({ message, path }) =>
          [path.join("."), message].filter((part) => part !== "").join(": ")
        )
          .join("; ")
      })
    case "NotFound":
      return new Failure.UsageError({ message: "the journal has no such entry: it may have been cleared" })
    case "RequestError":
      return new Failure.NoEmulator({ message: `no emulator answers at ${url}: ${howToStart}` })
    case "ResponseError":
      // The guard of the console says why in plain text.
      return error.response.status === 403
        ? Effect.flatMap(
          Effect.orElseSucceed(error.response.text, () => ""),
          (text) => new Failure.NoEmulator({ message: `${url} refuses: ${text.trim()}` })
        )
        : notAnEmulator(url)
    case "ParseError":
      return notAnEmulator(url)
  }
}

/** Connects to the emulator that the options name. Sends nothing yet. */
export const connect = (options: EmulatorOptions.Steering) =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables({ dotenv: options.dotenv, appId: Option.none() })
    const url = yield* urlOf(options.url, variables)
    yield* Network.checkFor(url)
    const client = yield* HttpApiClient.make(ControlApi.ControlApi, { baseUrl: url })
    const http = yield* HttpClient.HttpClient
    return {
      url,
      variables,
      client,
      http,
      /** Fails with a sentence. */
      call: <A, E extends ApiError>(effect: Effect.Effect<A, E>): Effect.Effect<A, Failure.Failure> =>
        effect.pipe(
          Effect.catchAll(failureOf(url)),
          Effect.timeoutFail({
            duration: patience,
            onTimeout: () => new Failure.NoEmulator({ message: `${url} does not answer: ${howToStart}` })
          })
        )
    }
  })

export type Running = Effect.Effect.Success<ReturnType<typeof connect>>

/** Returns the app that the options name, or the only one. */
export const appOf = ({ call, client, variables }: Running, { app }: EmulatorOptions.OfApp) =>
  Effect.gen(function*() {
    const { apps } = yield* call(client.state())
    const ids = apps.map(({ appId }) => appId)
    const known = ids.length === 0 ? "it knows none" : `it knows ${ids.join(", ")}`
    const find = (id: string) => apps.find(({ appId }) => appId === id)
    if (Option.isSome(app)) {
      return find(app.value)
        ?? (yield* new Failure.UsageError({ message: `the emulator has no app ${app.value}: ${known}` }))
    }
    const [only] = apps
    if (only !== undefined && apps.length === 1) return only
    return find(variables.get("FEISHU_APP_ID") ?? "")
      ?? (yield* new Failure.UsageError({ message: `choose an app of the emulator with --app: ${known}` }))
  })

/** Runs a command that steers, and reports how it ended. */
export const report = <R>(
  options: EmulatorOptions.Steering & { readonly json: boolean },
  use: (running: Running) => Effect.Effect<Report.Result, Failure.Failure, R>
) =>
  Effect.flatMap(connect(options), use).pipe(
    Effect.provide(Network.layer),
    (effect) => Report.report(effect, options)
  )

/** Shows what an app sent: it must not steer the terminal. */
export const shown = (json: unknown): string => Output.plain(JSON.stringify(json, null, 2))
