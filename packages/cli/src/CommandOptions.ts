/**
 * The options that several commands have.
 */
import type * as CliApp from "@effect/cli/CliApp"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Failed } from "./ExitCode.js"
import type { Output } from "./Output.js"

export const invalid = (text: string) => Effect.fail(ValidationError.invalidValue(HelpDoc.p(text)))

const units = { ms: "millis", s: "seconds", m: "minutes", min: "minutes", h: "hours" } as const

/** Reads `30s`, `1.5m`, `500ms`. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m|min|h)$/.exec(text) ?? []
  return number === undefined
    ? undefined
    : Duration.decode(`${Number(number)} ${units[unit as keyof typeof units]}`)
}

export const duration = (name: string) =>
  Options.text(name).pipe(
    Options.withPseudoName("duration"),
    Options.mapEffect((text) => {
      const duration = parseDuration(text)
      return duration === undefined
        ? invalid(`--${name} is a number with its unit, for example 30s, 2m or 500ms`)
        : Effect.succeed(duration)
    })
  )

export const port = (number: number) =>
  Options.text("port").pipe(
    Options.withPseudoName("number"),
    Options.mapEffect((text) =>
      /^\d{1,5}$/.test(text) && Number(text) <= 65535
        ? Effect.succeed(Number(text))
        : invalid("--port is a number from 0 to 65535")
    ),
    Options.withDefault(number)
  )

export const json = Options.boolean("json").pipe(
  Options.withDescription("One JSON document on standard output, and nothing else there.")
)

export const jsonLines = Options.boolean("json").pipe(
  Options.withDescription("JSON on standard output, a document in each line, and nothing else there.")
)

export const reveal = (what: string) =>
  Options.boolean("reveal").pipe(Options.withDescription(`Show ${what} in full: it is a secret.`))

/** Not `Options.file`, which takes no pipe: not `<(pass show feishu)`, and not `-`. */
export const file = (name: string) => Options.withPseudoName(Options.text(name), "file")

/** Which app, on which platform. */
export const app = {
  envFile: file("env-file").pipe(
    Options.withDescription("Take variables that are not in the environment from this file of NAME=value lines."),
    Options.optional
  ),
  appId: Options.text("app-id").pipe(
    Options.withDescription("In place of FEISHU_APP_ID."),
    Options.optional
  ),
  appSecretFile: file("app-secret-file").pipe(
    Options.withDescription("A file that holds the app secret, in place of FEISHU_APP_SECRET."),
    Options.optional
  ),
  baseUrl: Options.text("base-url").pipe(
    Options.withPseudoName("url"),
    Options.withDescription("Where the platform is, in place of FEISHU_BASE_URL: an emulator, a private deployment."),
    Options.optional
  ),
  domain: Options.choice("domain", ["feishu", "lark"]).pipe(
    Options.withDescription("In place of FEISHU_DOMAIN. Default: feishu."),
    Options.optional
  )
}

type Handler<A> = (options: A) => Effect.Effect<void, Failed, Output | CliApp.CliApp.Environment>

/** Runs what is loaded only now. */
export const load = <A>(module: () => Promise<{ readonly run: Handler<A> }>) => (options: A) =>
  Effect.flatMap(Effect.promise(module), ({ run }) => run(options))
